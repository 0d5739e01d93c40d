import type { DeltaAddresses } from '../x509/certificate-extensions.ts'
import type { CachedFetch } from './cached-fetch.ts'
import { type CrlScope, findScopeProblem } from './crl/crl.ts'
import type { CheckedCrl, CrlQuestion } from './crl/crl-check.ts'
import type { CrlLists, WatchedCertificate } from './revocation-information.ts'

type Question = Omit<CrlQuestion, 'issuer'>

export interface CrlCacheOptions {
  /** Fingerprint of the issuer's certificate. */
  readonly issuer: string
  readonly urls: readonly URL[]
  /** Returns the serial numbers of responders that the issuer has certified; a CRL is looked through for them too. */
  readonly responders: () => readonly string[]
  /** Fetches a CRL from the first of some addresses that has one. */
  readonly fetch: (urls: readonly URL[], question: Question, signal: AbortSignal) => Promise<CheckedCrl>
  readonly createSource: (
    kind: 'CRL' | 'delta CRL',
    ask: (signal: AbortSignal) => Promise<CheckedCrl>,
  ) => CachedFetch<CheckedCrl>
  /** Called once if the CRL has a delta CRL, and none of its addresses can be asked. */
  readonly onUnreachableDelta: (address: string, why: string) => void
}

/** Addresses of a delta CRL that are asked, one after another. */
const MAX_ADDRESSES = 4

/** Keeps a CRL, and its delta CRL if it has one, for the certificates that name its addresses. */
export class CrlCache implements CrlLists {
  readonly source: CachedFetch<CheckedCrl>
  readonly delta: CachedFetch<CheckedCrl>
  readonly issuer: string
  readonly #options: CrlCacheOptions
  #members: readonly WatchedCertificate[] = []
  #isToldUnreachable = false
  /** The number of a later CRL that was fetched because a delta CRL is about it. */
  #renewedFor: bigint | undefined

  constructor(options: CrlCacheOptions) {
    this.#options = options
    this.issuer = options.issuer
    const { urls, fetch, createSource } = options
    this.source = createSource('CRL', (signal) => fetch(urls, this.#question(), signal))
    this.delta = createSource('delta CRL', (signal) => this.#fetchDelta(signal))
  }

  /** True if there is a delta CRL that has neither come nor failed yet. */
  get isDeltaPending(): boolean {
    const { held, flawed, problem } = this.delta
    const isUnknown = held === undefined && flawed === undefined && problem === undefined
    return isUnknown && this.#deltaAddresses().asked.length > 0
  }

  get sources(): readonly CachedFetch<CheckedCrl>[] {
    return [this.source, this.delta]
  }

  /** Sets the certificates. A CRL that was not searched for new ones is fetched again. */
  setMembers(members: readonly WatchedCertificate[]): void {
    this.#members = members
    for (const source of this.sources.filter((one) => this.#isLacking(one))) {
      source.renew()
    }
  }

  /** Keeps fetching the CRL while a certificate needs it, and fetches it again for certificates and responders that came meanwhile. */
  review(): void {
    const isNeeded = this.#members.some(({ needsCrl }) => needsCrl)
    const { asked, ignored } = this.#deltaAddresses()
    this.#keep(this.source, isNeeded)
    if (asked.length > 0) {
      this.#keep(this.delta, isNeeded)
      return
    }
    this.delta.stop()
    const [first] = ignored
    if (first !== undefined && !this.#isToldUnreachable) {
      this.#isToldUnreachable = true
      this.#options.onUnreachableDelta(first.address, first.why)
    }
  }

  /** Returns whether one of the lists that count revokes a certificate of the issuer. */
  revokes(serialNumber: string): boolean {
    return this.sources.some(({ standing }) =>
      standing.some(({ revocations }) => revocations.has(serialNumber)),
    )
  }

  #keep(source: CachedFetch<CheckedCrl>, isNeeded: boolean): void {
    // One that came may revoke a responder that has answered since, even where nothing else needs it any more
    const isLacking = this.#isLacking(source)
    if (!isNeeded && !isLacking) {
      source.stop()
      return
    }
    source.start(isLacking)
    if (source.problem === undefined && isLacking) {
      source.renew()
    }
  }

  #question(): Question {
    return {
      serialNumbers: new Set([
        ...this.#members.map(({ issued }) => issued.serialNumber),
        ...this.#options.responders(),
      ]),
      findScopeProblem: (scope) => this.#findScopeProblem(scope),
    }
  }

  /**
   * Fetches the delta CRL. One about changes since a later CRL than the held one does not list what that one does, so that what was
   * told before counts on until the later CRL has come (RFC 5280 6.3.3 (c)).
   */
  async #fetchDelta(signal: AbortSignal): Promise<CheckedCrl> {
    const question = { ...this.#question(), mayBeDelta: true }
    const delta = await this.#options.fetch(this.#deltaAddresses().asked, question, signal)
    const { held, flawed } = this.delta
    const base = this.#base()
    const number = base === undefined ? held?.baseNumber : base.number
    if (number === undefined || delta.baseNumber === undefined || delta.baseNumber <= number) {
      return delta
    }
    if (this.#renewedFor !== delta.baseNumber) {
      this.#renewedFor = delta.baseNumber
      this.source.renew(true)
    }
    const flaw = 'it lists changes since a later CRL than the one that came'
    const revocations = new Map([held, flawed, delta].flatMap((one) => [...(one?.revocations ?? [])]))
    if (revocations.size === 0) {
      throw new Error(flaw)
    }
    return { ...delta, revocations, flaw }
  }

  /** Finds why a CRL covers none of the certificates: then that of the next address may. */
  #findScopeProblem(scope: CrlScope): string | undefined {
    const problems = this.#members.map(({ issued: { certificate, addresses } }) =>
      findScopeProblem(scope, certificate, addresses.distributionPoints),
    )
    return problems.includes(undefined) ? undefined : problems[0]
  }

  #isLacking({ held }: CachedFetch<CheckedCrl>): boolean {
    const isSearched = (serialNumber: string) => held?.serialNumbers.has(serialNumber)
    return held !== undefined && ![...this.#question().serialNumbers].every(isSearched)
  }

  #base(): CheckedCrl | undefined {
    return this.source.held ?? this.source.flawed
  }

  /** Returns the addresses of the delta CRL, which the CRL names, or the certificates (RFC 5280 5.2.6, 4.2.1.15). */
  #deltaAddresses(): DeltaAddresses {
    const all = [this.#base()?.delta, ...this.#members.map(({ issued }) => issued.addresses.delta)]
    const urls = all.flatMap((one) => one?.asked ?? []).map((url) => [url.href, url] as const)
    return {
      asked: [...new Map(urls).values()].slice(0, MAX_ADDRESSES),
      ignored: all.flatMap((one) => one?.ignored ?? []),
    }
  }
}
