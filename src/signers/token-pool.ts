/** A token that signers use: its pool, its name, and the fields of log lines about it. */
import type { BaseLogger } from 'pino'
import type { SignerConfiguration, TokenAccess } from '../configuration/signer-configuration.ts'
import type { TokenFields } from '../errors.ts'
import type { PoolKey } from '../pkcs11/pool/pool-keys.ts'
import type { PoolLog } from '../pkcs11/pool/pool-options.ts'
import type { SessionPool } from '../pkcs11/pool/session-pool.ts'
import type { HsmState } from '../pkcs11/pool/supervisor.ts'

/** A token, and the keys on it that signers use. */
export interface TokenPlan {
  readonly access: TokenAccess
  readonly keys: readonly [PoolKey, ...PoolKey[]]
}

/** A pool, with the plan that it was made for. */
export interface TokenPool extends TokenPlan {
  readonly pool: SessionPool
  readonly log: TokenLog
}

/** Returns an identifier that is equal for the same token, reached in the same way. */
export function accessId({ module, moduleParameters = '', token, pin }: TokenAccess): string {
  return JSON.stringify([module, moduleParameters, Object.entries(token).sort(), pin])
}

/**
 * Returns an identifier that is equal for keys that are the same, and used with the same mechanism. Each signer has a key of its own
 * where the certificate is on the token, since its settings decide which one that is, and whether it is refused.
 */
export function keyId(key: PoolKey): string {
  const id = keyIds.get(key) ?? describeKey(key)
  keyIds.set(key, id)
  return id
}

/** Caches identifiers, since each key of a token is compared with all its others. Keys do not change. */
const keyIds = new WeakMap<PoolKey, string>()

function describeKey({ request, settings }: PoolKey): string {
  const { selector, publicKey, certificateOnToken, algorithm } = request
  const known = publicKey === undefined ? '' : Buffer.from(publicKey).toString('base64')
  const decidedBy = certificateOnToken ? settings.certificate : ''
  return JSON.stringify([Object.entries(selector).sort(), known, decidedBy, algorithm ?? ''])
}

/** Returns the index of a key; -1 if it is not among the keys. */
export function indexOfKey(key: PoolKey, keys: readonly PoolKey[]): number {
  const id = keyId(key)
  return keys.findIndex((one) => keyId(one) === id)
}

/** States of a pool that will never sign again. */
const FINAL_STATES: readonly HsmState[] = ['misconfigured', 'closing']

/**
 * Returns whether an open pool fits a plan: it has the keys, and they sign. A pool with a certificate on the token does
 * not fit, since that may have changed.
 */
export function fitsPlan({ access, keys, pool }: TokenPool, plan: TokenPlan): boolean {
  return (
    !FINAL_STATES.includes(pool.status().state) &&
    accessId(access) === accessId(plan.access) &&
    plan.keys.every((key) => {
      const place = indexOfKey(key, keys)
      return place >= 0 && !key.request.certificateOnToken && !pool.isUnusable(place)
    })
  )
}

/**
 * Names tokens for metrics and log by their label, or what else selects them, with a number if several have the same.
 *
 * @param pools pools in the order of the configuration
 */
export function nameTokens<T extends Pick<TokenPlan, 'access'>>(pools: readonly T[]): ReadonlyMap<string, T> {
  const named = new Map<string, T>()
  for (const [place, pool] of pools.entries()) {
    const name = nameToken(pool)
    const same = pools.slice(0, place).filter((before) => nameToken(before) === name)
    named.set(same.length === 0 ? name : `${name} (${same.length + 1})`, pool)
  }
  return named
}

function nameToken({ access: { token } }: Pick<TokenPlan, 'access'>): string {
  const { label, serial, slot, slotId } = token
  return label ?? serial ?? (slot === undefined ? (slotId ?? 'default') : `slot ${slot}`)
}

/**
 * Returns the fields of log lines about tokens.
 *
 * @param tokens each token once, in the order of the configuration
 * @param signers all signers of the configuration
 * @returns the fields, in the order of the tokens
 */
export function describeTokens(
  tokens: readonly { readonly access: TokenAccess }[],
  signers: readonly Pick<SignerConfiguration, 'name' | 'access'>[],
): TokenFields[] {
  const served = new Map<string, string[]>()
  for (const { name, access } of signers) {
    served.set(accessId(access), [...(served.get(accessId(access)) ?? []), name])
  }
  return [...nameTokens(tokens)].map(([token, { access }]) => {
    const [pinFile] = Object.values(access.pin) as [string]
    return { token, signers: served.get(accessId(access)) as string[], pinFile }
  })
}

/**
 * Adds to each line the name of the token, the signers that use it and the file of its PIN. They are no bindings of a
 * child logger, since they change when other signers use the token, and pino would repeat them.
 */
export class TokenLog implements PoolLog {
  /** Replaced when the signers change. */
  fields: TokenFields
  readonly #log: BaseLogger

  constructor(log: BaseLogger, fields: TokenFields) {
    this.#log = log
    this.fields = fields
  }

  info(details: object, message: string): void {
    this.#log.info({ ...this.fields, ...details }, message)
  }

  warn(details: object, message: string): void {
    this.#log.warn({ ...this.fields, ...details }, message)
  }

  error(details: object, message: string): void {
    this.#log.error({ ...this.fields, ...details }, message)
  }
}
