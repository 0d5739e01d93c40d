/** Issues certificates of signers, and of authorities for them, that validators accept. */
import type * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { MS_PER_DAY } from '../../common/day.ts'
import type { Authority } from './authority.ts'
import { createCertificate } from './certificate.ts'
import type { CertifyingKey } from './certifying-key.ts'
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

/** Content of a certificate to issue. */
export interface CertificateOrder {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly alternativeNames: pkijs.Extension[]
  /** True for a certificate authority, which has no extended key usage. */
  readonly ca: boolean
  readonly eku: ExtendedKeyUsage
  readonly addresses: Addresses
  readonly days: number
  readonly hash: HashAlgorithm
}

/**
 * Issues a certificate that is valid from now on, and does not outlive the authority that signs it.
 *
 * @param authority undefined for a self-signed certificate
 * @returns DER
 */
export function issueCertificate(
  order: CertificateOrder,
  key: CertifyingKey,
  authority?: Pick<Authority, 'name' | 'keyIdentifier' | 'notAfter'>,
): Promise<Buffer> {
  const { subject, publicKey, ca, hash, days } = order
  const notBefore = wholeSeconds(Date.now())
  const wanted = notBefore.getTime() + days * MS_PER_DAY
  const identifier = keyIdentifier(publicKey)
  return createCertificate({
    subject,
    issuer: authority?.name ?? subject,
    publicKey,
    extensions: [
      basicConstraints({ ca }),
      keyUsage({ ca }),
      ...(ca ? [] : extendedKeyUsage(order.eku)),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(authority?.keyIdentifier ?? identifier),
      ...order.alternativeNames,
      ...addressExtensions(order.addresses),
    ],
    notBefore,
    notAfter: new Date(Math.min(wanted, authority?.notAfter.getTime() ?? wanted)),
    hash,
    algorithm: key.algorithm,
    sign: key.sign,
  })
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}
