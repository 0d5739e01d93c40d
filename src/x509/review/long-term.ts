import type { X509Certificate } from 'node:crypto'
import { readCertificateExtensions } from '../certificate-extensions.ts'
import { type ChainLink, chainLinks } from '../chain-links.ts'
import { describeSubject } from '../validity.ts'

/**
 * Finds the certificates of a chain about which nobody can be asked, so that containers cannot reach level b-lt (EN 319
 * 122-1 6.3). It returns one sentence without its capital for each, with advice.
 *
 * @param path leaf first
 */
export function findMissingRevocationSources(path: readonly X509Certificate[]): string[] {
  return chainLinks(path).flatMap(describeLink)
}

function describeLink({ certificate, issuer }: ChainLink): string[] {
  const subject = describeSubject(certificate)
  const { ocsp = [], crl = [] } = readCertificateExtensions(certificate).addresses ?? {}
  if (issuer === undefined) {
    return [
      `the issuer of ${subject} is not known, so that nobody's word about it can be verified; add its certificate`,
    ]
  }
  return ocsp.length + crl.length > 0
    ? []
    : [
        `the certificate of ${subject} names neither an OCSP responder nor a CRL that could be asked over http or https; ` +
          'have it issued with one of them',
      ]
}
