import type { TokenAccess } from '../configuration/signer-configuration.ts'
import type { KeyRequest } from '../pkcs11/messages.ts'
import type { PoolKey } from '../pkcs11/pool-key.ts'
import type { SessionPool } from '../pkcs11/session-pool.ts'
import type { HsmState } from '../pkcs11/supervisor.ts'
import type { TokenLog } from './token-log.ts'

/** The keys of one token that signers sign with. */
export interface TokenPlan {
  readonly access: TokenAccess
  readonly keys: readonly [PoolKey, ...PoolKey[]]
}

/** A pool, and what it was made for. */
export interface TokenPool extends TokenPlan {
  readonly pool: SessionPool
  readonly log: TokenLog
}

/** Equal for the same token, reached in the same way. */
export function accessId({ module, moduleParameters = '', token, pin }: TokenAccess): string {
  return JSON.stringify([module, moduleParameters, Object.entries(token).sort(), pin])
}

/** Equal where the same key will be found, and used with the same mechanism. */
export function keyId(request: KeyRequest): string {
  const id = keyIds.get(request) ?? describeKey(request)
  keyIds.set(request, id)
  return id
}

/** Of requests, which do not change: each key of a token is compared with all of its others. */
const keyIds = new WeakMap<KeyRequest, string>()

function describeKey({ selector, publicKey, certificateOnToken, algorithm }: KeyRequest): string {
  const known = publicKey === undefined ? '' : Buffer.from(publicKey).toString('base64')
  return JSON.stringify([Object.entries(selector).sort(), known, certificateOnToken, algorithm ?? ''])
}

/** @returns its place among the keys; -1 where it is not there */
export function placeOf({ request }: PoolKey, keys: readonly PoolKey[]): number {
  const id = keyId(request)
  return keys.findIndex((one) => keyId(one.request) === id)
}

/** A pool in such a state will never sign again. */
const HOPELESS: readonly HsmState[] = ['misconfigured', 'closing']

/**
 * Whether a pool that is open already does for a plan: it has the keys, and they sign. A certificate on the token may
 * have changed: there the token is opened anew.
 */
export function serves({ access, keys, pool }: TokenPool, plan: TokenPlan): boolean {
  return (
    !HOPELESS.includes(pool.status().state) &&
    accessId(access) === accessId(plan.access) &&
    plan.keys.every((key) => {
      const place = placeOf(key, keys)
      return place >= 0 && !key.request.certificateOnToken && !pool.isUnusable(place)
    })
  )
}

/**
 * Names tokens as metrics and log do: by the label, or what else selects one, and a number where others have the same.
 *
 * @param pools in the order of the configuration
 */
export function nameTokens<T extends Pick<TokenPlan, 'access'>>(pools: readonly T[]): ReadonlyMap<string, T> {
  const named = new Map<string, T>()
  for (const [place, pool] of pools.entries()) {
    const name = describeToken(pool)
    const same = pools.slice(0, place).filter((before) => describeToken(before) === name)
    named.set(same.length === 0 ? name : `${name} (${same.length + 1})`, pool)
  }
  return named
}

function describeToken({ access: { token } }: Pick<TokenPlan, 'access'>): string {
  const { label, serial, slot, slotId } = token
  return label ?? serial ?? (slot === undefined ? (slotId ?? 'default') : `slot ${slot}`)
}
