import type { X509Certificate } from 'node:crypto'
import { hasIssuerName } from '../issuer-match.ts'
import { publicKeyOf } from '../key-type.ts'
import { readForReview } from './reviewed-certificate.ts'

/**
 * Finds the certificate whose key signed `certificate`, though its key usage does not allow that (RFC 5280 4.2.1.3). A
 * chain ends below it, so it would be reported as missing.
 */
export function findForbiddenIssuer(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): X509Certificate | undefined {
  return candidates.find((candidate) => {
    const key = publicKeyOf(candidate)
    return (
      hasIssuerName(certificate, candidate) &&
      readForReview(candidate)?.keyUsage?.includes('keyCertSign') === false &&
      key !== undefined &&
      certificate.verify(key)
    )
  })
}
