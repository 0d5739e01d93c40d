import type { X509Certificate } from 'node:crypto'
import { readCertificateExtensions } from '../certificate-extensions.ts'
import { type ChainLink, chainLinks } from '../chain-links.ts'
import { describeSubject } from '../validity.ts'

/**
 * Says why there can never be revocation information about a chain, which containers of level b-lt take (EN 319 122-1
 * 6.3): one sentence without its capital for each certificate about which nobody could be asked, with what to do.
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
