import { setTimeout as delay } from 'node:timers/promises'
import type { Signer } from '../../signers/signer.ts'

const POLL_MS = 50

/**
 * Waits until all information for a container of level b-lt is there. The service has it ahead of time, while a command
 * has only just begun to ask.
 *
 * @param limitMs time limit, in ms, after which making the container reports what is missing
 */
export async function waitForRevocationInformation(
  signer: Pick<Signer, 'missingEvidence'>,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (signer.missingEvidence().length > 0 && performance.now() < deadline) {
    await delay(POLL_MS)
  }
}
