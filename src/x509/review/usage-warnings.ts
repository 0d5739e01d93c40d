import type { ReviewedCertificate } from './reviewed-certificate.ts'

/** Purposes (extended key usage) that validators accept of a document's signer. */
const DOCUMENT_PURPOSES = new Set([
  // id-kp-documentSigning, RFC 9336
  '1.3.6.1.5.5.7.3.36',
  // id-kp-emailProtection and anyExtendedKeyUsage, RFC 5280 4.2.1.12
  '1.3.6.1.5.5.7.3.4',
  '2.5.29.37.0',
  // Microsoft document signing
  '1.3.6.1.4.1.311.10.3.12',
  // Adobe authentic documents trust
  '1.2.840.113583.1.1.5',
])

/** RFC 5280 4.2.1.12. */
const OTHER_PURPOSES = new Map([
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.3', 'codeSigning'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
])

/** A warning where a signer certificate is for other purposes than documents. */
export function describeOtherPurpose({ subject, extendedKeyUsage }: ReviewedCertificate): string | undefined {
  if (extendedKeyUsage === undefined || extendedKeyUsage.some((purpose) => DOCUMENT_PURPOSES.has(purpose))) {
    return undefined
  }
  const purposes = extendedKeyUsage.map((purpose) => OTHER_PURPOSES.get(purpose) ?? purpose)
  return (
    `the certificate of ${subject} is not for signing documents, by its extended key usage ` +
    `(${purposes.join(', ') || 'none'}); validators may refuse its signatures: have it issued with ` +
    'documentSigning (1.3.6.1.5.5.7.3.36) or emailProtection'
  )
}

/** A warning where there is no authority that vouches for the signer. */
export function describeSelfSigned({ subject, selfSigned }: ReviewedCertificate): string | undefined {
  return selfSigned
    ? `the certificate of ${subject} is self-signed: validators trust its signatures only where it is installed itself`
    : undefined
}

/**
 * A warning where nobody can be asked whether a certificate has been revoked (RFC 5280 4.2.1.13, 4.2.2.1); of what is
 * self-signed, nobody could be.
 */
export function describeMissingRevocation(certificate: ReviewedCertificate): string | undefined {
  const { subject, selfSigned, revocationAddress } = certificate
  return selfSigned || revocationAddress
    ? undefined
    : `the certificate of ${subject} has neither an OCSP address nor a CRL distribution point: Document Engine cannot ` +
        'embed revocation data, and signatures are without long-term validation (LTV)'
}
