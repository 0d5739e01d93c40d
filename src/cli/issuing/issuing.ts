/** Certificates of signers, and of authorities for them, that validators have nothing to say against. */
import type * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { Authority } from './authority.ts'
import { createCertificate } from './certificate.ts'
import type { CertifyingKey } from './certifying-key.ts'
import {
  type Addresses,
  addresses,
  authorityKeyIdentifier,
  basicConstraints,
  type ExtendedKeyUsage,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  subjectKeyIdentifier,
} from './extensions.ts'

const DAY_MS = 86_400_000

/** What is certified. */
export interface Order {
  readonly subject: pkijs.RelativeDistinguishedNames
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly alternativeNames: pkijs.Extension[]
  /** Whether it may issue others; a certificate authority has no purpose besides. */
  readonly ca: boolean
  readonly eku: ExtendedKeyUsage
  readonly addresses: Addresses
  readonly days: number
  readonly hash: HashAlgorithm
}

/**
 * A certificate from now on, which does not outlive the authority that signs it.
 *
 * @param authority absent where the key signs for itself
 * @returns DER
 */
export function issueCertificate(
  order: Order,
  key: CertifyingKey,
  authority?: Pick<Authority, 'name' | 'keyIdentifier' | 'notAfter'>,
): Promise<Buffer> {
  const { subject, publicKey, ca, hash, days } = order
  const notBefore = wholeSeconds(Date.now())
  const wanted = notBefore.getTime() + days * DAY_MS
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
      ...addresses(order.addresses),
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
