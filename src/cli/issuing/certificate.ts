import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { TokenKey, TokenKeyEngine } from '../../cms/token-key-engine.ts'
import type { CertifyingKey } from './certifying-key.ts'

const VERSION_3 = 2
/** Length of a serial number, of which RFC 5280 4.1.2.2 allows 20 bytes, including one for the sign. */
const SERIAL_NUMBER_BYTES = 16
/** First year that is not encoded as UTCTime (RFC 5280 4.1.2.5). */
const FIRST_YEAR_OF_GENERALIZED_TIME = 2050

export interface CertificateContent extends Pick<CertifyingKey, 'algorithm' | 'sign'> {
  readonly subject: pkijs.RelativeDistinguishedNames
  readonly issuer: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly extensions: pkijs.Extension[]
  /** Both in whole seconds. */
  readonly notBefore: Date
  readonly notAfter: Date
  readonly hash: HashAlgorithm
}

/**
 * Creates a certificate (RFC 5280 4.1) with a random serial number.
 *
 * @returns DER Certificate
 * @throws the errors of `sign`
 */
export async function createCertificate(content: CertificateContent): Promise<Buffer> {
  const { subject, issuer, publicKey, extensions, notBefore, notAfter, hash, algorithm, sign } = content
  const certificate = new pkijs.Certificate({
    version: VERSION_3,
    serialNumber: asn1js.Integer.fromBigInt(
      `0x${randomBytes(SERIAL_NUMBER_BYTES).toString('hex')}`,
    ) as asn1js.Integer,
    issuer,
    notBefore: toTime(notBefore),
    notAfter: toTime(notAfter),
    subject,
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(publicKey),
    extensions,
  })
  const key = new TokenKey(algorithm.certificateIdentifier(hash), sign)
  await certificate.sign(key, undefined, new TokenKeyEngine())
  return Buffer.from(certificate.toSchema().toBER())
}

function toTime(value: Date): pkijs.Time {
  const type =
    value.getUTCFullYear() < FIRST_YEAR_OF_GENERALIZED_TIME
      ? pkijs.TimeType.UTCTime
      : pkijs.TimeType.GeneralizedTime
  return new pkijs.Time({ type, value })
}
