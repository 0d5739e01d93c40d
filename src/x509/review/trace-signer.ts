import type { X509Certificate } from 'node:crypto'
import { readCertificateExtensions } from '../certificate-extensions.ts'
import { isSelfSigned } from '../chain.ts'
import { findInvalidity, validityPeriod } from '../validity.ts'
import { buildSignerChain } from './certificate-review.ts'
import { findPathProblem } from './path-problem.ts'

/** Key usages with which a certificate signs documents and statements (RFC 5280 4.2.1.3). */
const FOR_SIGNATURES: readonly string[] = ['digitalSignature', 'nonRepudiation']

/**
 * Traces a signer to one of the trusted certificates at a moment (RFC 5280 6.1), which need not be self-signed.
 *
 * @param embedded certificates that came with the signature, which prove nothing by themselves
 * @returns the certificates from the signer's up to the trusted one, or a message that says what is wrong
 */
export function traceSigner(
  signer: X509Certificate,
  embedded: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] | string {
  const isTrusted = ({ raw }: X509Certificate) => trusted.some((one) => one.raw.equals(raw))
  const candidates = [...trusted, ...embedded.filter((one) => !isSelfSigned(one))]
  const { issuers, complete } = buildSignerChain(signer, candidates, at, isTrusted)
  const path = [signer, ...issuers]
  const usages = readCertificateExtensions(signer).keyUsage ?? FOR_SIGNATURES
  if (!complete) {
    return `its certificate is none of those that were given, and was certified by none of them (SHA-256 ${sha256Of(signer)})`
  }
  if (!usages.some((usage) => FOR_SIGNATURES.includes(usage))) {
    return 'its certificate is not for signatures, by its key usage'
  }
  return findInvalidity(path.map(validityPeriod), at) ?? findPathProblem(path) ?? path
}

/** Returns the SHA-256 of a certificate, hex. */
export function sha256Of({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}
