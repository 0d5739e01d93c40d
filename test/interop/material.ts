/** A service with one signer for each kind of key and level, keys in files beside, and the validators. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { type Authorities, startAuthorities } from '../support/authorities.ts'
import { generateKeyFile, type Issued, writeBundle } from '../support/certificates.ts'
import { HASH_ALGORITHMS } from '../support/document-engine/signature-options.ts'
import { startReadyService } from '../support/service.ts'
import { tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { createToken, importKey } from '../support/token.ts'
import { KEYS, type KeyKind, type KeyName, type Shape, signerOf } from './shapes.ts'

export interface Material {
  readonly directory: string
  readonly authorities: Authorities
  /** Paths of PEM files. */
  readonly anchors: string
  readonly timestampAnchors: string
  /** Embedded beside the signer's certificate. */
  readonly chain: readonly Issued[]
  /** Signer's certificate, and the key that is on the token too. */
  readonly signers: ReadonlyMap<KeyName, Issued>
  /** Address of the service, for the callback. */
  readonly url: string
  /** Variables of the service, for the command. */
  readonly environment: Readonly<Record<string, string>>
}

/** Where a run ends. */
export interface Teardown {
  teardown(act: () => unknown): void
}

/**
 * Starts what the shapes need.
 *
 * @param directory new; SoftHSM reads its configuration from the environment, so one a process
 */
export async function startMaterial(
  t: Teardown,
  directory: string,
  shapes: readonly Shape[],
): Promise<Material> {
  mkdirSync(directory, { recursive: true })
  const path = (name: string) => join(directory, name)
  const authorities = await startAuthorities(path('authorities'))
  t.teardown(() => authorities.server.close())
  const token = await createToken(path('token'))
  const signers = new Map<KeyName, Issued>()
  for (const [index, key] of [...new Set(shapes.map(({ key }) => key))].entries()) {
    const keyFile = generateKeyFile(directory, KEYS[key].key)
    await importKey(token, keyFile, { label: key, id: `0${index}` })
    signers.set(key, authorities.certify({ subject: `/O=Test/CN=${key}`, keyFile }))
  }
  const chain = [authorities.issuing.issued, authorities.root.issued]
  const caFile = writeBundle(
    path('ca.pem'),
    chain.map(({ certificate }) => certificate),
  )
  const entries = new Map(
    shapes.map((shape) => {
      const { certificateFile } = signers.get(shape.key) as Issued
      return [signerOf(shape), { certificateFile, caFile, ...entryOf(shape, authorities) }]
    }),
  )
  const [name] = entries.keys()
  writeFileSync(path('signers.json'), JSON.stringify({ default: name, signers: Object.fromEntries(entries) }))
  const environment = {
    ...token.environment,
    ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '2', HSM_TIMEOUT_MS: '30000' },
    HASH_ALGORITHMS: HASH_ALGORITHMS.join(),
    RAW_SIGNING: 'signed-attributes',
  }
  const service = await startReadyService(t, environment)
  for (const signer of new Set(shapes.filter(({ level }) => level === 'b-lt').map(signerOf))) {
    await until(`${signer} knows all that its containers have`, async () => {
      const contents = { action: 'sign_pkcs7', encoded_contents: 'YQ==', signature_type: 'cms' }
      return (await service.sign({ ...contents, signing_token: tokenFor(signer) })).statusCode === 200
    })
  }
  return {
    ...{ directory, authorities, chain, signers, environment, url: `${service.url}/sign` },
    anchors: authorities.root.issued.certificateFile,
    timestampAnchors: authorities.timestampRoot.issued.certificateFile,
  }
}

/** Of the signers file, beside the certificates. */
function entryOf({ key, level }: Shape, { timestampUrl, timestampRoot }: Authorities): SignerEntry {
  const { entry }: KeyKind = KEYS[key]
  const timestamps = { url: timestampUrl, caFile: timestampRoot.issued.certificateFile }
  return {
    ...{ key: { label: key }, level },
    ...entry,
    ...(level === 'b-b' ? {} : { timestamps }),
  }
}
