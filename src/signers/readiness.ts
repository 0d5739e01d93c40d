import type { SigningKey } from './signing-key.ts'

export interface Readiness {
  readonly total: number
  readonly ready: number
  readonly isReady: boolean
}

/**
 * Signers are ready when the key of one of them at least signs and none is still starting: one token that is away must
 * not take all signers from the callers, and all instances have the same tokens.
 */
export function readinessOf(keys: readonly Pick<SigningKey, 'status'>[]): Readiness {
  const states = keys.map((key) => key.status().state)
  const ready = states.filter((state) => state === 'ready').length
  return { total: keys.length, ready, isReady: ready > 0 && !states.includes('starting') }
}
