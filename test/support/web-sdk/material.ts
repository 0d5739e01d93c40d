/** A service for pages of one origin, with a signer for each key and level, and the authorities around it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SignerEntry } from '../../../schemas/signers-file.ts'
import type { Level } from '../../../src/configuration/container-configuration.ts'
import { type Authorities, type AuthoritiesOptions, startAuthorities } from '../authorities.ts'
import { generateKeyFile, P_256, RSA_2048, writeBundle } from '../certificates.ts'
import { send } from '../http.ts'
import { createClaims, createJwtKey, createKeySet, type JwtKey, signJwt } from '../jwt.ts'
import { type Service, startReadyService } from '../service.ts'
import { tokenFor } from '../signers.ts'
import { until } from '../signing.ts'
import { createToken, importKey } from '../token.ts'
import { type BackEndOptions, backEnd } from './back-end.ts'
import { pageCallback } from './callback.ts'
import type { Page } from './page.ts'
import type { SigningWay } from './signing-data.ts'

export const LEVELS: readonly Level[] = ['b-b', 'b-t', 'b-lt']

const KEYS: Readonly<Record<string, { readonly key: readonly string[]; readonly entry?: SignerEntry }>> = {
  rsa: { key: RSA_2048 },
  pss: { key: RSA_2048, entry: { signatureAlgorithm: 'rsassa-pss' } },
  'p-256': { key: P_256, entry: { raw: true } },
}
export type KeyName = 'rsa' | 'pss' | 'p-256'

export interface WebSdkMaterial {
  readonly directory: string
  readonly authorities: Authorities
  readonly service: Service
  /** Origin of the pages that may call. */
  readonly origin: string
  /** Paths of PEM files. */
  readonly anchors: string
  readonly timestampAnchors: string
  /** Signs a token for a user. */
  jwt(claims?: Readonly<Record<string, unknown>>, key?: JwtKey): string
  /** The way by which the SDK signs with a back end; its levels are those of `signingData`. */
  backEnd(page: Page, key: KeyName, more?: Partial<BackEndOptions>): SigningWay
  /** The way of a page's own callback, whose level is that of the signer. */
  callback(page: Page, key: KeyName, level: Level): SigningWay
}

export interface WebSdkMaterialOptions extends AuthoritiesOptions {
  readonly origin?: string
  readonly keys?: readonly KeyName[]
}

/** @param directory new; SoftHSM reads its configuration from the environment, so one a process */
export async function startWebSdkMaterial(
  t: { teardown(act: () => Promise<unknown>): void },
  directory: string,
  { origin = 'https://app.example.com', keys = ['rsa'], ...options }: WebSdkMaterialOptions = {},
): Promise<WebSdkMaterial> {
  mkdirSync(directory, { recursive: true })
  const path = (name: string) => join(directory, name)
  const authorities = await startAuthorities(path('authorities'), options)
  t.teardown(() => authorities.server.close())
  const token = await createToken(path('token'))
  const chain = [authorities.issuing.issued, authorities.root.issued]
  const caFile = writeBundle(
    path('ca.pem'),
    chain.map(({ certificate }) => certificate),
  )
  const timestampAnchors = authorities.timestampRoot.issued.certificateFile
  const signers: Record<string, SignerEntry> = {}
  for (const [index, name] of keys.entries()) {
    const { key, entry } = KEYS[name] as (typeof KEYS)[string]
    const keyFile = generateKeyFile(directory, key)
    await importKey(token, keyFile, { label: name, id: `0${index}` })
    const { certificateFile } = authorities.certify({ subject: `/O=Test/CN=${name}`, keyFile })
    for (const level of LEVELS) {
      const timestamps = { url: authorities.timestampUrl, caFile: timestampAnchors }
      signers[signerOf(name, level)] = {
        ...{ key: { label: name }, certificateFile, caFile, level, ...entry },
        ...(level !== 'b-b' && { timestamps }),
      }
    }
  }
  writeFileSync(path('signers.json'), JSON.stringify({ default: Object.keys(signers)[0], signers }))
  const jwtKey = createJwtKey()
  writeFileSync(path('jwks.json'), JSON.stringify(createKeySet(jwtKey)))
  const service = await startReadyService(t, {
    ...token.environment,
    ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '2', HSM_TIMEOUT_MS: '30000' },
    ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: path('jwks.json'), ACCESS_JWT_ISSUER: 'https://app.example.com' },
    ...{ ACCESS_JWT_AUDIENCE: 'signing-service', CORS_ORIGINS: origin, WEB_SDK: 'true' },
  })
  const jwt: WebSdkMaterial['jwt'] = (claims, key = jwtKey) => signJwt(key, createClaims(claims))
  const material: WebSdkMaterial = {
    ...{ directory, authorities, service, origin, timestampAnchors, jwt },
    anchors: authorities.root.issued.certificateFile,
    backEnd(page, key, more) {
      const signingToken = tokenFor(signerOf(key, 'b-lt'))
      return backEnd(page, { jwt: jwt(), serverUrl: service.url, signingToken, ...more })
    },
    callback: (page, key, level) =>
      pageCallback(page, {
        ...{ jwt: jwt(), url: `${service.url}/sign` },
        signingToken: tokenFor(signerOf(key, level)),
      }),
  }
  await untilComplete(material, keys)
  return material
}

/** Waits until each signer of level b-lt knows all that its signatures need. */
async function untilComplete({ service, jwt }: WebSdkMaterial, keys: readonly KeyName[]): Promise<void> {
  for (const key of keys) {
    await until(`${key} knows all that its signatures need`, async () => {
      const { statusCode } = await send(`${service.url}/sign`, {
        method: 'POST',
        headers: { authorization: `Bearer ${jwt()}` },
        body: JSON.stringify({
          ...{ action: 'sign_pkcs7', digest: '00'.repeat(32) },
          signing_token: tokenFor(signerOf(key, 'b-lt')),
        }),
      })
      return statusCode === 200
    })
  }
}

function signerOf(key: KeyName, level: Level): string {
  return `${key}.${level}`
}
