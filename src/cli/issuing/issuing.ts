/** Makes certificates of signers, and of authorities for them, that validators accept, and requests for certificates. */
import { type KeyObject, randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../../algorithms/signature-algorithm.ts'
import { TokenKey, TokenKeyEngine } from '../../cms/token-key-engine.ts'
import { MS_PER_DAY } from '../../common/day.ts'
import type { Authority } from './authority.ts'
import {
  type Addresses,
  addressExtensions,
  authorityKeyIdentifier,
  basicConstraints,
  type ExtendedKeyUsage,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  subjectKeyIdentifier,
} from './extensions.ts'

/** PKCS#9 extensionRequest (RFC 2985 5.4.2). */
export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

const VERSION_3 = 2
/** Length of a serial number, of which RFC 5280 4.1.2.2 allows 20 bytes, including one for the sign. */
const SERIAL_NUMBER_BYTES = 16
/** First year that is not encoded as UTCTime (RFC 5280 4.1.2.5). */
const FIRST_YEAR_OF_GENERALIZED_TIME = 2050

/** A key that signs certificates, or requests for them, on a token or in a file. */
export interface CertifyingKey {
  readonly publicKey: KeyObject
  /** Algorithm of `sign`. */
  readonly algorithm: Pick<SignatureAlgorithm, 'certificateIdentifier'>
  readonly hash: HashAlgorithm
  /** Hashes data, and returns the encoded signature. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>
}

/** Content of a certificate to issue. */
interface CertificateOrder extends Addresses {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly alternativeNames: readonly pkijs.Extension[]
  /** True for a certificate authority, which has no extended key usage. */
  readonly ca: boolean
  readonly eku: ExtendedKeyUsage
  readonly days: number
}

/**
 * Issues a certificate (RFC 5280 4.1) with a random serial number. It is valid from now on, and does not outlive the
 * authority that signs it.
 *
 * @param authority undefined for a self-signed certificate
 * @returns DER Certificate
 * @throws the errors of the key
 */
export async function issueCertificate(
  order: CertificateOrder,
  key: CertifyingKey,
  authority?: Pick<Authority, 'name' | 'keyIdentifier' | 'notAfter'>,
): Promise<Buffer> {
  const { subject, publicKey, ca } = order
  const notBefore = wholeSeconds(Date.now())
  const wanted = notBefore.getTime() + order.days * MS_PER_DAY
  const identifier = keyIdentifier(publicKey)
  const certificate = new pkijs.Certificate({
    version: VERSION_3,
    serialNumber: asn1js.Integer.fromBigInt(
      `0x${randomBytes(SERIAL_NUMBER_BYTES).toString('hex')}`,
    ) as asn1js.Integer,
    issuer: authority?.name ?? subject,
    notBefore: toTime(notBefore),
    notAfter: toTime(new Date(Math.min(wanted, authority?.notAfter.getTime() ?? wanted))),
    subject,
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(publicKey),
    extensions: [
      basicConstraints({ ca }),
      keyUsage({ ca }),
      ...(ca ? [] : extendedKeyUsage(order.eku)),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(authority?.keyIdentifier ?? identifier),
      ...order.alternativeNames,
      ...addressExtensions(order),
    ],
  })
  return sign(certificate, key)
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}

function toTime(value: Date): pkijs.Time {
  const type =
    value.getUTCFullYear() < FIRST_YEAR_OF_GENERALIZED_TIME
      ? pkijs.TimeType.UTCTime
      : pkijs.TimeType.GeneralizedTime
  return new pkijs.Time({ type, value })
}

/**
 * Creates a PKCS#10 request (RFC 2986) for a key, which signs it to prove that its owner asks.
 *
 * @returns DER CertificationRequest
 * @throws the errors of the key
 */
export function createCertificationRequest(
  subject: pkijs.RelativeDistinguishedNames,
  extensions: pkijs.Extension[],
  key: CertifyingKey,
): Promise<Buffer> {
  const publicKey = key.publicKey.export({ type: 'spki', format: 'der' })
  const values = [new pkijs.Extensions({ extensions }).toSchema()]
  const request = new pkijs.CertificationRequest({
    subject,
    subjectPublicKeyInfo: pkijs.PublicKeyInfo.fromBER(publicKey),
    attributes: [new pkijs.Attribute({ type: EXTENSION_REQUEST, values })],
  })
  return sign(request, key)
}

/** Returns the signed content as DER. */
async function sign(
  content: pkijs.Certificate | pkijs.CertificationRequest,
  { algorithm, hash, sign }: CertifyingKey,
): Promise<Buffer> {
  const key = new TokenKey(algorithm.certificateIdentifier(hash), sign)
  await content.sign(key, undefined, new TokenKeyEngine())
  return Buffer.from(content.toSchema().toBER())
}
