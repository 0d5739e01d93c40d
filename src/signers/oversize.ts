import type { ContainerConfiguration } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { isGood, type PreferredEvidence } from '../revocation/revocation-information.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'

type Revocations = Pick<RevocationService, 'information'>

/**
 * Says in a sentence without its capital, before anybody asks for a container, that there is no room for the revocation data of the
 * chain beside it. Signature, attributes and timestamp take more. `findRestrictions` tells of the chain alone.
 *
 * @returns undefined if there is room, while nothing complete is known, and where the level is or may be lower
 */
export function findOversize(
  { level, sizeLimit, revocationFallback }: ContainerConfiguration,
  { path, template }: Pick<SignerCertificate, 'path' | 'template'>,
  revocations: Revocations,
): string | undefined {
  const room = sizeLimit - template.certificatesLength
  if (level !== 'b-lt' || revocationFallback !== 'refuse' || room < 0) {
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
  if (!isGood(information)) {
    return 0
  }
  const values = [...information.ocspResponses.map(({ der }) => der), ...information.crls]
  return values.reduce((sum, { length }) => sum + length, 0)
}
