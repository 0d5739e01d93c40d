import { KEY_PURPOSE } from '../object-identifiers.ts'
import type { ReviewedCertificate } from './reviewed-certificate.ts'

/** Purposes (extended key usage) that validators accept for the signer of a document. */
const DOCUMENT_PURPOSES: ReadonlySet<string> = new Set([
  KEY_PURPOSE.documentSigning,
  KEY_PURPOSE.emailProtection,
  KEY_PURPOSE.any,
  KEY_PURPOSE.microsoftDocumentSigning,
  KEY_PURPOSE.adobeAuthenticDocuments,
])

/** Names of the other purposes of RFC 5280 4.2.1.12. */
const OTHER_PURPOSES: ReadonlyMap<string, string> = new Map([
  [KEY_PURPOSE.serverAuth, 'serverAuth'],
  [KEY_PURPOSE.clientAuth, 'clientAuth'],
  [KEY_PURPOSE.codeSigning, 'codeSigning'],
  [KEY_PURPOSE.timeStamping, 'timeStamping'],
  [KEY_PURPOSE.ocspSigning, 'OCSPSigning'],
])

/** Warns of a signer certificate that is for other purposes than documents. */
export function findPurposeWarning(reviewed: ReviewedCertificate): string | undefined {
  const purposes = listOtherPurposes(reviewed)
  return (
    purposes &&
    `the certificate of ${reviewed.subject} is not for signing documents, by its extended key usage ` +
      `(${purposes}); validators may refuse its signatures: have it issued with documentSigning ` +
      '(1.3.6.1.5.5.7.3.36) or emailProtection'
  )
}

/** Warns of an issuer whose purposes leave out documents: some validators apply them to all certificates below it. */
export function findIssuerPurposeWarning(issuer: ReviewedCertificate): string | undefined {
  const purposes = listOtherPurposes(issuer)
  return (
    purposes &&
    `the certificate of ${issuer.subject} is not for signing documents, by its extended key usage (${purposes}); ` +
      'validators that take this for a limit of what it certifies may refuse signatures'
  )
}

/** Lists the purposes if documents are not among them. */
function listOtherPurposes({ extendedKeyUsage }: ReviewedCertificate): string | undefined {
  if (extendedKeyUsage === undefined || extendedKeyUsage.some((purpose) => DOCUMENT_PURPOSES.has(purpose))) {
    return undefined
  }
  return extendedKeyUsage.map((purpose) => OTHER_PURPOSES.get(purpose) ?? purpose).join(', ') || 'none'
}

/** Warns of a signer certificate that no authority has issued. */
export function findSelfSignedWarning({ subject, selfSigned }: ReviewedCertificate): string | undefined {
  return selfSigned
    ? `the certificate of ${subject} is self-signed: validators trust its signatures only where it is installed itself`
    : undefined
}
