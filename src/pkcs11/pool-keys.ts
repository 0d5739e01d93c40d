import type { SettingNames } from '../configuration/signer-configuration.ts'
import { ConfigurationError, type ConfigurationProblem } from '../errors.ts'
import { nameKey } from './key-name.ts'
import { findForbiddenExposure, warnAboutExposure } from './key-protection.ts'
import { type FoundKey, isFound, type KeyOutcome } from './messages.ts'
import {
  describeTestFailure,
  type KeyState,
  type KeyUse,
  type PoolKey,
  problemOf,
  type TestFailure,
} from './pool-key.ts'
import { explainRefusal } from './return-values.ts'

interface Entry {
  readonly key: PoolKey
  found?: FoundKey | undefined
  use?: KeyUse | undefined
  state: KeyState
  hasSigned: boolean
}

/** The keys of one token: which of them are there, what they are used with, and which of them sign. */
export class PoolKeys {
  readonly #entries: readonly Entry[]
  readonly #requireNonExtractable: boolean
  #testKey = 0

  /** @param requireNonExtractable whether keys are refused of which there may be copies outside the token */
  constructor(keys: readonly PoolKey[], requireNonExtractable = false) {
    this.#requireNonExtractable = requireNonExtractable
    this.#entries = keys.map((key) => ({
      key,
      state: { state: 'unknown', since: new Date() },
      hasSigned: false,
    }))
  }

  /** Place of the key that makes the test signatures of sessions. */
  get testKey(): number {
    return this.#testKey
  }

  state(key: number): KeyState {
    return this.#at(key).state
  }

  /** Returns what was last found of the key on the token. */
  found(key: number): FoundKey | undefined {
    return this.#at(key).found
  }

  /** Returns undefined where the key cannot be used. */
  use(key: number): KeyUse | undefined {
    return this.#at(key).use
  }

  /** Returns whether the key has ever made a test signature. */
  hasSigned(key: number): boolean {
    return this.#at(key).hasSigned
  }

  /** Returns whether the token was opened and the key not there, or not to be used. */
  isGone(key: number): boolean {
    return this.use(key) === undefined && this.state(key).state === 'unusable'
  }

  /** Returns the keys that are gone. */
  gone(): number[] {
    return [...this.#entries.keys()].filter((key) => this.isGone(key))
  }

  /** Returns label and id of the key for the log. */
  describe(key: number) {
    const { selector } = this.#at(key).key.request
    const { label, id } = this.found(key) ?? selector
    return { label, id }
  }

  /** Returns what may be wrong in the configuration when a key fails its first test; undefined where nothing is. */
  findProblem(key: number, failure: TestFailure): ConfigurationProblem | undefined {
    const { found, key: asked } = this.#at(key)
    const { settings } = asked
    switch (failure.kind) {
      case 'mismatch':
        return found?.publicKey === undefined ? explainMismatch(settings) : undefined
      case 'refused':
        return explainRefusedKey(found as FoundKey, failure.returnValue, settings)
      case 'unsigned':
        return undefined
    }
  }

  /** Returns what the operator should know of keys that are used, each a sentence without its capital. */
  warnings(): string[] {
    const found = this.#entries.flatMap((entry) => entry.found ?? [])
    return found.flatMap((key) => [warnAboutExposure(key), warnAboutCertificates(key)]).filter(isText)
  }

  /**
   * The token was opened.
   *
   * @param outcomes in the order of the keys
   * @param attempt which of the usable keys makes the test signatures of sessions, modulo their number
   * @returns what is wrong with those that cannot be used
   */
  opened(outcomes: readonly KeyOutcome[], attempt: number): readonly ConfigurationProblem[] {
    const problems = this.#entries.flatMap((entry, key) =>
      look(entry, outcomes[key] as KeyOutcome, this.#requireNonExtractable),
    )
    const usable = [...this.#entries.keys()].filter((key) => this.use(key) !== undefined)
    this.#testKey = usable[attempt % usable.length] ?? 0
    return problems
  }

  /**
   * The open token was searched again: those that were gone may have come.
   *
   * @param outcomes in the order of the keys
   */
  searched(outcomes: readonly KeyOutcome[]): void {
    for (const key of this.gone()) {
      look(this.#at(key), outcomes[key] as KeyOutcome, this.#requireNonExtractable)
    }
  }

  /** Returns the keys that are there and have not signed since they last failed, or at all. */
  untested(): number[] {
    return [...this.#entries.keys()].filter(
      (key) => this.use(key) !== undefined && this.state(key).state !== 'tested',
    )
  }

  tested(key: number): void {
    const entry = this.#at(key)
    entry.hasSigned = true
    enter(entry, 'tested')
  }

  failed(key: number, failure: TestFailure): void {
    const entry = this.#at(key)
    enter(entry, 'unusable', describeTestFailure(failure))
    entry.state = { ...entry.state, failure }
  }

  #at(key: number): Entry {
    return this.#entries[key] as Entry
  }
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

function warnAboutCertificates(key: FoundKey): string | undefined {
  return key.otherCertificates
    ? `the token holds ${key.otherCertificates + 1} certificates of the private key with ${nameKey(key)}: the newest ` +
        'valid one is used; "signing-service certs" lists them, and "signing-service delete-cert" deletes one'
    : undefined
}

function isText(text: string | undefined): text is string {
  return text !== undefined
}

function look(
  entry: Entry,
  outcome: KeyOutcome,
  requireNonExtractable: boolean,
): readonly ConfigurationProblem[] {
  entry.use = undefined
  entry.found = undefined
  if (!isFound(outcome)) {
    enter(entry, 'unusable', outcome.reason)
    return [problemOf(outcome, entry.key.settings)]
  }
  const forbidden = requireNonExtractable ? findForbiddenExposure(outcome, entry.key.settings.key) : undefined
  if (forbidden !== undefined) {
    enter(entry, 'unusable', 'there may be copies of the private key outside the token, which is not allowed')
    return [forbidden]
  }
  try {
    // `accept` may ask for the certificate that was found
    entry.found = outcome
    entry.use = entry.key.accept(outcome)
  } catch (error) {
    entry.found = undefined
    enter(entry, 'unusable', 'the private key does not fit the signer certificate')
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    return error.problems
  }
  // A key that did not sign before does not keep the others from being ready
  if (entry.state.state === 'unknown') {
    enter(entry, 'found')
  }
  return []
}

function enter(entry: Entry, state: KeyState['state'], reason?: string): void {
  const since = state === entry.state.state ? entry.state.since : new Date()
  entry.state = { state, since, ...(reason === undefined ? {} : { reason }) }
}
