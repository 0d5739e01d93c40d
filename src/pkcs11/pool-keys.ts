import { describeValue } from '../common/quote.ts'
import { ConfigurationError, type ConfigurationProblem } from '../errors.ts'
import { nameKey } from './key-name.ts'
import { findForbiddenExposure, warnAboutExposure } from './key-protection.ts'
import { explainRefusal } from './key-refusal.ts'
import { type FoundKey, isFound, type KeyOutcome } from './messages.ts'
import type { KeyState, KeyUse, PoolKey } from './pool-key.ts'

interface Entry {
  readonly key: PoolKey
  found?: FoundKey | undefined
  use?: KeyUse | undefined
  state: KeyState
  everProved: boolean
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
      everProved: false,
    }))
  }

  /** Place of the one that sessions prove themselves with. */
  get testKey(): number {
    return this.#testKey
  }

  state(key: number): KeyState {
    return this.#at(key).state
  }

  /** What was last found of it on the token. */
  found(key: number): FoundKey | undefined {
    return this.#at(key).found
  }

  /** Undefined where it cannot be used. */
  use(key: number): KeyUse | undefined {
    return this.#at(key).use
  }

  /** Whether it has ever signed. */
  everProved(key: number): boolean {
    return this.#at(key).everProved
  }

  /** Whether the token was opened and the key not there, or not to be used. */
  isGone(key: number): boolean {
    return this.use(key) === undefined && this.state(key).state === 'unusable'
  }

  /** Returns the keys that are gone. */
  gone(): number[] {
    return [...this.#entries.keys()].filter((key) => this.isGone(key))
  }

  /** For the log. */
  describe(key: number) {
    const { selector } = this.#at(key).key.request
    const { label, id } = this.found(key) ?? selector
    return { label, id }
  }

  /** What the configuration may be wrong in when a key's signatures do not verify; undefined where it is right. */
  describeMismatch(key: number): ConfigurationProblem | undefined {
    const { found, key: asked } = this.#at(key)
    if (found?.publicKey !== undefined) {
      return undefined
    }
    const { certificate, certificatePath, keyChoice } = asked.request.settings
    const message =
      'test signatures do not verify with it: configure the certificate that was issued for this key, or choose the ' +
      `key with ${keyChoice}; if both are right, the HSM is faulty`
    return { variable: certificate, message: describeValue(certificatePath, message) }
  }

  /** Returns what is wrong with a key that the token refuses to sign with. */
  describeRefusal(key: number, returnValue: string): ConfigurationProblem {
    const { found, key: asked } = this.#at(key)
    const { key: setting, keyChoice } = asked.request.settings
    const name = nameKey(found as FoundKey)
    const message =
      `the token refuses to sign with the private key with ${name} (${returnValue}): ${explainRefusal(returnValue)}; ` +
      `have the HSM allow it, or choose another key with ${keyChoice}`
    return { variable: setting, message }
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
   * @param attempt which of the usable keys sessions prove themselves with, counted on where that is more than there are
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

  /** Those that are there and have not signed since they last failed, or at all. */
  unproved(): number[] {
    return [...this.#entries.keys()].filter(
      (key) => this.use(key) !== undefined && this.state(key).state !== 'proved',
    )
  }

  proved(key: number): void {
    const entry = this.#at(key)
    entry.everProved = true
    enter(entry, 'proved')
  }

  failed(key: number, reason: string): void {
    enter(this.#at(key), 'unusable', reason)
  }

  #at(key: number): Entry {
    return this.#entries[key] as Entry
  }
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
    const { variable, message, reason } = outcome
    enter(entry, 'unusable', reason)
    return [{ variable, message }]
  }
  const forbidden = requireNonExtractable
    ? findForbiddenExposure(outcome, entry.key.request.settings.key)
    : undefined
  if (forbidden !== undefined) {
    enter(entry, 'unusable', 'there may be copies of the private key outside the token, which is not allowed')
    return [forbidden]
  }
  try {
    // Whoever is told of its certificate meanwhile looks for it here
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
  // One that did not sign before does not keep the others from being ready
  if (entry.state.state === 'unknown') {
    enter(entry, 'found')
  }
  return []
}

function enter(entry: Entry, state: KeyState['state'], reason?: string): void {
  const since = state === entry.state.state ? entry.state.since : new Date()
  entry.state = { state, since, ...(reason === undefined ? {} : { reason }) }
}
