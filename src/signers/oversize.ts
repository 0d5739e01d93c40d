import { countBytes } from '../common/count-bytes.ts'
import type { ContainerConfiguration } from '../configuration/container-configuration.ts'
import type { SignerCertificate, SignerRules } from '../configuration/signer-configuration.ts'
import { isGood, type PreferredEvidence, valuesOf } from '../revocation/revocation-information.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'

interface SizedSigner {
  readonly container: Pick<ContainerConfiguration, 'level' | 'sizeLimit' | 'revocationFallback'>
  readonly rules: Pick<SignerRules, 'containers'>
}

type Revocations = Pick<RevocationService, 'information'>

/**
 * Says in a sentence without its capital, before anybody asks for a container, that there is no room for the revocation data of the
 * chain beside it. Signature, attributes and timestamp take more. `findRestrictions` tells of the chain alone.
 *
 * @returns undefined if there is room, while nothing complete is known, and for signers whose containers need no such data
 */
export function findOversize(
  { container, rules }: SizedSigner,
  { path, template }: Pick<SignerCertificate, 'path' | 'template'>,
  revocations: Revocations,
): string | undefined {
  const { level, sizeLimit, revocationFallback } = container
  const isNeeded = level === 'b-lt' && revocationFallback === 'refuse' && rules.containers.includes('pkcs7')
  const room = sizeLimit - template.certificatesLength
  if (!isNeeded || room < 0) {
    return undefined
  }
  const proven = countEvidence(path, revocations, 'proven')
  const bytes = proven > room ? Math.min(proven, countEvidence(path, revocations, 'small')) : proven
  return bytes <= room
    ? undefined
    : 'every container that holds the revocation data of its chain is refused: chain and data have ' +
        `${template.certificatesLength + bytes} bytes, more than the ${sizeLimit} that CONTAINER_SIZE_LIMIT allows`
}

/** Counts the bytes of the evidence about a path; 0 while it is not complete. */
function countEvidence(
  path: SignerCertificate['path'],
  revocations: Revocations,
  preferred: PreferredEvidence,
): number {
  const information = revocations.information(path, new Date(), preferred)
  return isGood(information) ? countBytes(valuesOf(information)) : 0
}
