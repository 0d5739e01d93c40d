import { setTimeout as delay } from 'node:timers/promises'
import type { Signer } from '../../signers/signer.ts'

const LOOK_MS = 50

/**
 * Waits until everything is known that a container of level b-lt holds. The service knows it ahead of time; a command
 * has only just begun to ask.
 *
 * @param limitMs milliseconds, after which what is missing is told by whoever makes the container
 */
export async function waitForRevocationInformation(
  signer: Pick<Signer, 'missingEvidence'>,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (signer.missingEvidence().length > 0 && performance.now() < deadline) {
    await delay(LOOK_MS)
  }
}
