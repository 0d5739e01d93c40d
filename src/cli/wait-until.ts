import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/**
 * Waits until something is so.
 *
 * @returns false if it did not become so within the limit, in ms
 */
export async function waitUntil(limitMs: number, isSo: () => boolean): Promise<boolean> {
  const deadline = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > deadline) {
      return false
    }
    await delay(POLL_MS)
  }
  return true
}
