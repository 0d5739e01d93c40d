import { setTimeout as delay } from 'node:timers/promises'
import { gatherEvidence } from '../../containers/revocation-evidence.ts'
import type { SigningKey } from '../../signers/signing-key.ts'

const LOOK_MS = 50

/**
 * Waits until everything is known that a container of level b-lt holds. The service knows it ahead of time; a command
 * has only just begun to ask.
 *
 * @param limitMs milliseconds, after which what is missing is told by whoever makes the container
 */
export async function waitForRevocationInformation(
  key: Pick<SigningKey, 'container' | 'sources' | 'signer'>,
  limitMs: number,
): Promise<void> {
  const { timestamper, revocations } = key.sources
  if (key.container.level !== 'b-lt' || timestamper === undefined) {
    return
  }
  const isKnown = () => {
    const authorities = timestamper.knownPaths()
    const { problems } = gatherEvidence([key.signer().path, ...authorities], revocations)
    return authorities.length > 0 && problems.length === 0
  }
  const deadline = performance.now() + limitMs
  while (!isKnown() && performance.now() < deadline) {
    await delay(LOOK_MS)
  }
}
