import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../signature/signature-algorithm.ts'
import { TokenKey, TokenKeyEngine } from '../signature/token-key-engine.ts'

/** PKCS#9 extensionRequest (RFC 2985 5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

export interface CertificationRequestContent {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly extensions: pkijs.Extension[]
  readonly hash: HashAlgorithm
  /** With which `sign` signs. */
  readonly algorithm: SignatureAlgorithm
  /** Hashes what it is given with the hash algorithm and signs the digest; the signature is encoded. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>
}

/**
 * A PKCS#10 request (RFC 2986), in which the key itself proves that its owner asks.
 *
 * @returns DER CertificationRequest
 * @throws whatever `sign` throws
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
  await request.sign(key, hash.webCryptoName, new TokenKeyEngine())
  return Buffer.from(request.toSchema().toBER())
}
