import type { ReviewedCertificate } from './reviewed-certificate.ts'

const WITHOUT_LTV =
  'Document Engine cannot embed revocation data, and signatures are without long-term validation (LTV)'

/**
 * Warns of a certificate whose addresses for OCSP and CRLs are missing or never asked (RFC 5280 4.2.1.13, 4.2.2.1). A
 * self-signed one needs none, since nobody can revoke it.
 */
export function findRevocationWarnings({ subject, selfSigned, addresses }: ReviewedCertificate): string[] {
  if (selfSigned) {
    return []
  }
  const { ocsp = [], crl = [], ignored = { ocsp: [], crl: [] } } = addresses ?? {}
  const never = [...ignored.ocsp, ...ignored.crl]
  if (ocsp.length + crl.length === 0) {
    return [
      never.length === 0
        ? `the certificate of ${subject} has neither an OCSP address nor a CRL distribution point: ${WITHOUT_LTV}`
        : `the certificate of ${subject} names nobody who is ever asked whether it was revoked, since only http and ` +
          `https are (${never.join(', ')}): ${WITHOUT_LTV}`,
    ]
  }
  return [
    ...findIgnoredKind(subject, 'OCSP address', ocsp, ignored.ocsp),
    ...findIgnoredKind(subject, 'CRL distribution point', crl, ignored.crl),
  ]
}

/** Warns if no address of a kind is asked. One is enough, since authorities also name directories. */
function findIgnoredKind(
  subject: string,
  kind: string,
  asked: readonly URL[],
  ignored: readonly string[],
): string[] {
  return asked.length > 0 || ignored.length === 0
    ? []
    : [
        `the certificate of ${subject} has no ${kind} that is ever asked, since only http and https are ` +
          `(${ignored.join(', ')}): nobody stands in where its other addresses do not answer`,
      ]
}
