/** Tells ahead of all requests that containers are too large for their signer's limit, whatever they are for. */
import type { ContainerConfiguration } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { isGood } from '../revocation/revocation-information.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'

type Revocations = Pick<RevocationService, 'information'>

/**
 * Says why each container of a signer is refused for its size, in a sentence without its capital; undefined while none is known to be. It
 * counts the chain and, where the level cannot be lower, what is known of its revocation: signature, attributes and timestamp add more.
 */
export function findOversize(
  { level, sizeLimit, revocationFallback }: ContainerConfiguration,
  { path, template }: Pick<SignerCertificate, 'path' | 'template'>,
  revocations: Revocations,
): string | undefined {
  const isProven = level === 'b-lt' && revocationFallback === 'refuse'
  const ofEvidence = isProven ? countEvidence(path, revocations) : 0
  const bytes = template.certificatesLength + ofEvidence
  const what = ofEvidence === 0 ? 'its chain has' : 'its chain, CRLs and OCSP responses have'
  return bytes <= sizeLimit
    ? undefined
    : `every container is refused: ${what} ${bytes} bytes, more than the ${sizeLimit} that CONTAINER_SIZE_LIMIT allows`
}

/** Counts the bytes of the evidence about a path, as small as it can be chosen; 0 while it is not complete. */
function countEvidence(path: SignerCertificate['path'], revocations: Revocations): number {
  const now = new Date()
  const all = (['proven', 'small'] as const).map((preferred) => revocations.information(path, now, preferred))
  const sizes = all.filter(isGood).map(({ ocspResponses, crls }) => {
    const values = [...ocspResponses.map(({ der }) => der), ...crls]
    return values.reduce((sum, { length }) => sum + length, 0)
  })
  return sizes.length === 0 ? 0 : Math.min(...sizes)
}
