/** A token with the key of a signer whom authorities have certified: all that signatures of every level take. */
import { join } from 'node:path'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { startAuthorities } from './authorities.ts'
import { generateKeyFile, RSA_2048, writeBundle } from './certificates.ts'
import { createToken, importKey } from './token.ts'

/** @param t has the authorities answer until it ends */
export async function createCertifiedToken(t: { teardown(act: () => unknown): void }, directory: string) {
  const authorities = await startAuthorities(join(directory, 'authorities'))
  t.teardown(() => authorities.server.close())
  const token = await createToken(join(directory, 'token'))
  const keyFile = generateKeyFile(directory, RSA_2048)
  await importKey(token, keyFile, { label: 'key', id: '01' })
  const signer = authorities.certify({ subject: '/O=Test/CN=Signer', keyFile })
  const { certificateFile } = signer
  const chain = [authorities.issuing, authorities.root].map(({ issued }) => issued.certificate)
  const caFile = writeBundle(join(directory, 'ca.pem'), chain)
  const entry = { key: { label: 'key' }, certificateFile, caFile } satisfies SignerEntry
  const timestamps = {
    url: authorities.timestampUrl,
    caFile: authorities.timestampRoot.issued.certificateFile,
  }
  return { authorities, token, keyFile, signer, entry, timestamps }
}
