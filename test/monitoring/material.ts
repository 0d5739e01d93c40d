/** What the tests of monitoring have in common: a token that fails on command, authorities, and callers. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startAuthorities } from '../support/authorities.ts'
import { writeBundle } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send, type TlsOptions } from '../support/http.ts'
import { rawRequest } from '../support/signing.ts'
import { createImportedKeyToken } from '../support/token.ts'

const HOUR_MS = 3_600_000

export const CONTAINER_REQUEST = {
  action: 'sign_pkcs7',
  encoded_contents: Buffer.from('contents').toString('base64'),
}

/** Makes a token and authorities; one each in a test file. */
export async function createMaterial(directory: string) {
  const { environment, keyFile } = await createImportedKeyToken(join(directory, 'token'))
  const faulty = await createFaultyModule(directory, environment)
  const authorities = await startAuthorities(join(directory, 'authorities'))
  const chain = [authorities.issuing.issued, authorities.root.issued].map(({ certificate }) => certificate)
  const caFile = writeBundle(join(directory, 'ca.pem'), chain)

  /** A signer whose containers have everything that others have to be asked for. */
  function longTerm(
    options: Partial<Parameters<typeof authorities.certify>[0]> = {},
  ): Record<string, string> {
    const { certificateFile } = authorities.certify({ subject: '/O=Test/CN=Signer', keyFile, ...options })
    return {
      ...faulty.environment,
      SIGNER_CERTIFICATE_FILE: certificateFile,
      CA_CERTIFICATES_FILE: caFile,
      LEVEL: 'b-lt',
      TSA_URL: authorities.timestampUrl,
      TSA_CA_FILE: authorities.timestampRoot.issued.certificateFile,
      SIGNERS_RELOAD_INTERVAL_MS: '0',
      HSM_SESSIONS: '1',
      HSM_KEEPALIVE_MS: '1000',
    }
  }

  /** A signer for whose signatures nobody else is asked, and whose sessions do nothing but what callers ask for. */
  function plainly(): Record<string, string> {
    return { ...longTerm(), LEVEL: 'b-b', HSM_KEEPALIVE_MS: `${HOUR_MS}` }
  }

  return { faulty, authorities, longTerm, plainly }
}

/** Sends the requests that callers send all the time, one of them a wrong one. */
export async function ask({ url, tls }: { readonly url: string; readonly tls?: TlsOptions }): Promise<void> {
  const bodies = [rawRequest('one'), CONTAINER_REQUEST, { action: 'something' }]
  await Promise.all(
    bodies.map((body) => send(`${url}/sign`, { method: 'POST', body: JSON.stringify(body), tls })),
  )
}

/** Returns the variables of an audit log of its own. */
export function recording(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true })
  return { AUDIT_FILE: join(folder, 'audit.jsonl'), AUDIT_SIGNER: 'default' }
}
