/** Reviews the certificates of timestamp authorities and OCSP responders. */
import type { X509Certificate } from 'node:crypto'
import { EXTENSION, KEY_PURPOSE } from '../extensions.ts'
import { describeSubject } from '../validity.ts'
import { type ReviewedCertificate, readForReview } from './reviewed-certificate.ts'

/** RFC 5280 4.2.1.12 names these two as consistent with both purposes. */
const FOR_SIGNATURES: readonly string[] = ['digitalSignature', 'nonRepudiation']

/** Finds why a certificate is not that of a timestamp authority. The message begins with its subject. */
export function findAuthorityProblem(certificate: X509Certificate): string | undefined {
  return findProblem(certificate, (reviewed) => {
    const { critical, extendedKeyUsage, keyUsage, unreadable } = reviewed
    if (unreadable !== undefined) {
      return unreadable
    }
    // The purpose must be timestamps alone, and critical (RFC 3161 2.3)
    if (
      extendedKeyUsage?.join() !== KEY_PURPOSE.timeStamping ||
      !critical.includes(EXTENSION.extendedKeyUsage)
    ) {
      return 'is not for timestamps alone (a critical extended key usage with only timeStamping)'
    }
    // Validators that build on OpenSSL refuse all other key usages
    return keyUsage?.length === 0 || keyUsage?.some((usage) => !FOR_SIGNATURES.includes(usage))
      ? `is not for signatures alone, by its key usage (${keyUsage.join(', ') || 'none'})`
      : findWeakness(reviewed)
  })
}

/** Finds why a certificate is not that of an OCSP responder that its issuer has authorized (RFC 6960 4.2.2.2). */
export function findResponderProblem(certificate: X509Certificate): string | undefined {
  return findProblem(certificate, ({ extendedKeyUsage = [] }) =>
    extendedKeyUsage.includes(KEY_PURPOSE.ocspSigning) ? undefined : 'is not for OCSP',
  )
}

/** Finds why validators do not rely on a responder that its issuer has authorized. OpenSSL looks at none of this. */
export function findWeakResponder(certificate: X509Certificate): string | undefined {
  return findProblem(certificate, (reviewed) => {
    const { keyUsage = FOR_SIGNATURES } = reviewed
    return keyUsage.some((usage) => FOR_SIGNATURES.includes(usage))
      ? findWeakness(reviewed)
      : 'is not for signatures, by its key usage'
  })
}

function findWeakness({ weakKey, weakSignature }: ReviewedCertificate): string | undefined {
  return weakKey ?? weakSignature
}

function findProblem(
  certificate: X509Certificate,
  find: (reviewed: ReviewedCertificate) => string | undefined,
): string | undefined {
  const reviewed = readForReview(certificate)
  const problem = reviewed === undefined ? 'is not encoded as RFC 5280 says' : find(reviewed)
  return problem && `the certificate of ${describeSubject(certificate)} ${problem}`
}
