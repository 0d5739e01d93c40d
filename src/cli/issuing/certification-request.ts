import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { TokenKey, TokenKeyEngine } from '../../cms/token-key-engine.ts'
import type { CertifyingKey } from './certifying-key.ts'

/** PKCS#9 extensionRequest (RFC 2985 5.4.2). */
export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

export interface CertificationRequestContent extends Pick<CertifyingKey, 'algorithm' | 'sign'> {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly extensions: pkijs.Extension[]
  readonly hash: HashAlgorithm
}

/**
 * Creates a PKCS#10 request (RFC 2986), which the key signs to prove that its owner asks.
 *
 * @returns DER CertificationRequest
 * @throws the errors of `sign`
 */
export async function createCertificationRequest(content: CertificationRequestContent): Promise<Buffer> {
  const { subject, publicKey, extensions, hash, algorithm, sign } = content
  const request = new pkijs.CertificationRequest({
    subject,
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(publicKey),
    attributes: [
      new pkijs.Attribute({
        type: EXTENSION_REQUEST,
        values: [new pkijs.Extensions({ extensions }).toSchema()],
      }),
    ],
  })
  const key = new TokenKey(algorithm.certificateIdentifier(hash), sign)
  await request.sign(key, undefined, new TokenKeyEngine())
  return Buffer.from(request.toSchema().toBER())
}
