import { defined } from '../../common/defined.ts'
import { describeValue } from '../../common/quote.ts'
import type { SettingNames } from '../../configuration/signer-configuration.ts'
import {
  ConfigurationError,
  type ConfigurationProblem,
  HSM_BUSY,
  SIGNATURE_SELF_CHECK_FAILED,
} from '../../errors.ts'
import { nameKey } from '../key-name.ts'
import { findForbiddenExposure, warnAboutExposure } from '../key-protection.ts'
import { type FoundKey, isFound, type KeyFailure, type KeyOutcome, type KeyRequest } from '../messages.ts'
import { explainRefusal } from '../return-values.ts'
import type { KeyUse } from '../signing-input.ts'

/** So many keys are tested at once, as sessions and queue are there for requests. */
const MAX_RUNNING = 4

/** A key that a pool is to sign with. */
export interface PoolKey {
  readonly request: KeyRequest
  readonly settings: SettingNames
  /**
   * Called each time the key was found on the token.
   *
   * @throws ConfigurationError when it cannot be used
   */
  accept(found: FoundKey): KeyUse
}

/** Returns a failure as a problem of the setting that it is about. */
export function problemOf(
  { about, message }: Pick<KeyFailure, 'about' | 'message'>,
  settings: SettingNames,
): ConfigurationProblem {
  const path = about === 'certificate' ? settings.certificatePath : undefined
  return { variable: settings[about], message: describeValue(path, message) }
}

/** Why a key has no test signature. */
export type TestFailure =
  /** The signature that was made does not verify. */
  | { readonly kind: 'mismatch' }
  /** The token refuses the key for good. */
  | { readonly kind: 'refused'; readonly returnValue: string }
  /** No signature was made, for another reason. */
  | { readonly kind: 'unsigned' }

/** Returns a test failure in words for everybody who can reach the service. */
export function describeTestFailure(failure: TestFailure): string {
  switch (failure.kind) {
    case 'mismatch':
      return 'test signatures do not verify'
    case 'refused':
      return `the key does not sign (${failure.returnValue})`
    case 'unsigned':
      return 'the key does not sign'
  }
}

/**
 * The state of a key:
 * - `unknown`: the token was not opened yet
 * - `found`: it is there, and no test signature has verified yet
 * - `tested`: it signed, and that verified
 * - `unusable`: it is not there, or does not sign
 */
interface KeyState {
  readonly state: 'unknown' | 'found' | 'tested' | 'unusable'
  readonly since: Date
  /** For everybody who can reach the service. */
  readonly reason?: string
  /** Only where a test signature failed. */
  readonly failure?: TestFailure
}

/** A key of the pool: whether it is there, what it is used with, and whether it signs. */
class TokenKey {
  readonly #key: PoolKey
  /** The key as it was last found on the token. */
  found: FoundKey | undefined
  /** Undefined where the key cannot be used. */
  use: KeyUse | undefined
  state: KeyState = { state: 'unknown', since: new Date() }
  /** True once the key has made a test signature. */
  hasSigned = false

  constructor(key: PoolKey) {
    this.#key = key
  }

  /** Returns whether the token was opened and the key not there, or not to be used. */
  get isGone(): boolean {
    return this.use === undefined && this.state.state === 'unusable'
  }

  /** Returns whether the key is there and has not signed since it last failed, or at all. */
  get isUntested(): boolean {
    return this.use !== undefined && this.state.state !== 'tested'
  }

  /** Returns label and id of the key for the log. */
  describe() {
    const { label, id } = this.found ?? this.#key.request.selector
    return { label, id }
  }

  /** Returns what may be wrong in the configuration when a key fails its first test; undefined where nothing is. */
  findProblem(failure: TestFailure): ConfigurationProblem | undefined {
    const { settings } = this.#key
    switch (failure.kind) {
      case 'mismatch':
        return this.found?.publicKey === undefined ? explainMismatch(settings) : undefined
      case 'refused':
        return explainRefusedKey(this.found as FoundKey, failure.returnValue, settings)
      case 'unsigned':
        return undefined
    }
  }

  /**
   * Notes what was found on the token.
   *
   * @returns what is wrong with a key that cannot be used
   */
  look(outcome: KeyOutcome, requireNonExtractable: boolean): readonly ConfigurationProblem[] {
    this.use = undefined
    this.found = undefined
    if (!isFound(outcome)) {
      this.#enter('unusable', outcome.reason)
      return [problemOf(outcome, this.#key.settings)]
    }
    const forbidden = requireNonExtractable
      ? findForbiddenExposure(outcome, this.#key.settings.key)
      : undefined
    if (forbidden !== undefined) {
      this.#enter(
        'unusable',
        'there may be copies of the private key outside the token, which is not allowed',
      )
      return [forbidden]
    }
    try {
      // `accept` may ask for the certificate that was found
      this.found = outcome
      this.use = this.#key.accept(outcome)
    } catch (error) {
      this.found = undefined
      this.#enter('unusable', 'the private key does not fit the signer certificate')
      if (!(error instanceof ConfigurationError)) {
        throw error
      }
      return error.problems
    }
    // A key that did not sign before does not keep the others from being ready
    if (this.state.state === 'unknown') {
      this.#enter('found')
    }
    return []
  }

  tested(): void {
    this.hasSigned = true
    this.#enter('tested')
  }

  failed(failure: TestFailure): void {
    this.#enter('unusable', describeTestFailure(failure))
    this.state = { ...this.state, failure }
  }

  #enter(state: KeyState['state'], reason?: string): void {
    const since = state === this.state.state ? this.state.since : new Date()
    this.state = { state, since, ...defined({ reason }) }
  }
}

export interface PoolKeysOptions {
  readonly keys: readonly PoolKey[]
  /** True if keys are refused of which there may be copies outside the token. */
  readonly requireNonExtractable: boolean
  /** Milliseconds between tries of a key that does not sign. */
  readonly intervalMs: number
  /** Looks on the token for keys that were not there, or not to be used, when it was opened. */
  search(keys: readonly number[]): void
  /** Makes a test signature with a key; rejects unless it verified. */
  sign(key: number): Promise<unknown>
  /** A test signature could not be made, or did not verify. */
  onFailed(key: number, failure: TestFailure): void
}

/**
 * Knows the keys of one token, by their places in the configuration, and has each of them make a test signature. Those of
 * the sessions are made with one key; they tell nothing of the others, which may not be allowed to sign, or belong to
 * another certificate.
 */
export class PoolKeys {
  /** Place of the key that makes the test signatures of sessions. */
  testKey = 0
  readonly #options: PoolKeysOptions
  readonly #keys: readonly TokenKey[]
  /** Keys that are tested at the next ticks. */
  readonly #waiting = new Set<number>()
  readonly #running = new Set<number>()
  #triedAt = 0

  constructor(options: PoolKeysOptions) {
    this.#options = options
    this.#keys = options.keys.map((key) => new TokenKey(key))
  }

  at(key: number): TokenKey {
    return this.#keys[key] as TokenKey
  }

  /** Returns what the operator should know of keys that are used, each once, as a sentence without its capital. */
  warnings(): string[] {
    const found = this.#keys.flatMap((key) => key.found ?? [])
    return [...new Set(found.map(warnAboutExposure))].filter((warning) => warning !== undefined)
  }

  /**
   * Notes what was found when the token was opened.
   *
   * @param outcomes in the order of the keys
   * @param attempt which of the usable keys makes the test signatures of sessions, modulo their number
   * @returns what is wrong with those that cannot be used
   */
  opened(outcomes: readonly KeyOutcome[], attempt: number): readonly ConfigurationProblem[] {
    const problems = this.#keys.flatMap((key, place) => this.#look(key, outcomes[place]))
    const usable = this.#places(({ use }) => use !== undefined)
    this.testKey = usable[attempt % usable.length] ?? 0
    return problems
  }

  /**
   * Notes what was found when the open token was searched again: keys that were gone may have come.
   *
   * @param outcomes in the order of the keys
   */
  searched(outcomes: readonly KeyOutcome[]): void {
    for (const [place, key] of this.#keys.entries()) {
      if (key.isGone) {
        this.#look(key, outcomes[place])
      }
    }
    this.testAll()
  }

  /** Tests the keys that have no test signature yet: to be called when sessions sign. */
  testAll(): void {
    this.#triedAt = performance.now()
    for (const key of this.#places(({ isUntested }) => isUntested)) {
      this.#waiting.add(key)
    }
  }

  /** Tests a key with which a request failed, unless that request was the test itself. */
  retest(key: number): void {
    if (key !== this.testKey && !this.#running.has(key)) {
      this.#waiting.add(key)
    }
  }

  /**
   * Tests the keys whose turn it is: to be called often while sessions sign.
   *
   * @param now milliseconds of `performance.now()`
   */
  tick(now: number): void {
    if (now - this.#triedAt >= this.#options.intervalMs) {
      const gone = this.#places(({ isGone }) => isGone)
      if (gone.length > 0) {
        this.#options.search(gone)
      }
      this.testAll()
    }
    this.#testNext()
  }

  #testNext(): void {
    for (const key of this.#waiting) {
      if (this.#running.size < MAX_RUNNING && !this.#running.has(key)) {
        this.#waiting.delete(key)
        void this.#test(key)
      }
    }
  }

  async #test(key: number): Promise<void> {
    const { sign, onFailed } = this.#options
    this.#running.add(key)
    const error = await sign(key).then(
      () => undefined,
      (error: Error) => error,
    )
    this.#running.delete(key)
    if (error === undefined) {
      this.at(key).tested()
      this.#testNext()
    } else if (error instanceof HSM_BUSY) {
      // A full queue tells nothing of the key
      this.#waiting.add(key)
    } else {
      const failure = readFailure(error)
      this.at(key).failed(failure)
      onFailed(key, failure)
    }
  }

  #places(fits: (key: TokenKey) => boolean): number[] {
    return [...this.#keys.keys()].filter((place) => fits(this.at(place)))
  }

  #look(key: TokenKey, outcome: KeyOutcome | undefined): readonly ConfigurationProblem[] {
    return key.look(outcome as KeyOutcome, this.#options.requireNonExtractable)
  }
}

function readFailure(error: Error): TestFailure {
  const { cause } = error
  if (error instanceof SIGNATURE_SELF_CHECK_FAILED) {
    return { kind: 'mismatch' }
  }
  return cause instanceof Error && explainRefusal(cause.message) !== undefined
    ? { kind: 'refused', returnValue: cause.message }
    : { kind: 'unsigned' }
}

/** The token hides the public key: the certificate may be that of another one. */
function explainMismatch(settings: SettingNames): ConfigurationProblem {
  const message =
    'test signatures do not verify with it: configure the certificate that was issued for this key, or choose the ' +
    `key with ${settings.key}; if both are right, the HSM is faulty`
  return problemOf({ about: 'certificate', message }, settings)
}

function explainRefusedKey(
  found: FoundKey,
  returnValue: string,
  { key }: SettingNames,
): ConfigurationProblem {
  const message =
    `the token refuses to sign with the private key with ${nameKey(found)} (${returnValue}): ` +
    `${explainRefusal(returnValue)}; have the HSM allow it, or choose another key`
  return { variable: key, message }
}
