/** Holds the present signers, and lets others take their place without losing a request. */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { CertificateDigest } from '../cms/signed-attributes-reader.ts'
import { HttpClient } from '../common/http-client.ts'
import { nameLookups } from '../common/name-lookups.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { logProblems } from '../configuration/problem.ts'
import { certificateFilesOf, type SignersConfiguration } from '../configuration/signer-configuration.ts'
import { ConfigurationError, INVALID_REQUEST, SIGNER_MISMATCH, UNKNOWN_SIGNER } from '../errors.ts'
import type { PoolStatus } from '../pkcs11/pool/session-pool.ts'
import { DEFAULT_LIMITS } from '../revocation/limits.ts'
import type { RevocationObserver } from '../revocation/revocation-checker.ts'
import { RevocationService } from '../revocation/revocation-service.ts'
import type { TimestampObserver } from '../timestamp/timestamper.ts'
import { RefusedPins } from './refused-pins.ts'
import { isNamedBy, type Signer } from './signer.ts'
import { SignerSet, type SignerSetOptions } from './signer-set.ts'
import { refuseNewlyInvalid, testSigners } from './takeover.ts'
import { Timestampers } from './timestampers.ts'
import { nameTokens, type TokenPool } from './token-pool.ts'

export interface SignersOptions
  extends Pick<SignerSetOptions, 'hsm' | 'givenPin' | 'log' | 'createObserver'> {
  /** True if the service checks whether certificates were revoked. */
  readonly revocationCheck: boolean
  /** Age at which revocation information is fetched again, in ms, however long it is fresh. */
  readonly revocationMaxAgeMs: number
  readonly proxies: Configuration['proxies']
  readonly revocationObserver: RevocationObserver
  readonly timestampObserver: TimestampObserver
  /** Called at most once, if the configuration does not fit a token that was reached before the service was ready. */
  onMisconfigured(error: ConfigurationError): void
}

const POLL_MS = 50
/** Time after the start in which revocation information may still be on its way, in ms. */
const SETTLE_MS = 10_000
/** Time, in ms, for which former signers sign. Document Engine fetches certificates seconds before it has data signed. */
const FORMER_SIGNER_MS = 10_000

export class Signers {
  readonly #options: SignersOptions
  readonly #refusedPins = new RefusedPins()
  readonly #revocations: RevocationService
  readonly #timestampers: Timestampers
  #current: SignerSet
  /** Former sets, the latest first, as long as requests that were accepted before may have something signed. */
  #former: readonly SignerSet[] = []
  /** Those among them whose certificates attributes may still name that were made with them. */
  readonly #nameable = new Set<SignerSet>()
  readonly #retiring = new Set<TokenPool>()
  /** The set that will take the place of the current one, also while it is pending between two tries. */
  #candidate: SignerSet | undefined
  #misconfigured = false
  /** Problems of signers that were logged, each once. */
  readonly #refusals = new Set<string>()
  #retryTimer: NodeJS.Timeout | undefined
  /** True once some signer could sign while none was starting. */
  #wasReady = false
  /** True once the service stayed, though keys were missing, since a PIN was in doubt. */
  #stayed = false
  /** Time until which the first revocation information is awaited, in ms of `performance.now()`. */
  #settledAt = 0
  readonly #closing = new AbortController()

  constructor(configuration: SignersConfiguration, options: SignersOptions) {
    const { log, proxies, revocationObserver, timestampObserver } = options
    this.#options = options
    // Each recent takeover adds a listener, which is no leak that Node.js should warn of
    setMaxListeners(0, this.#closing.signal)
    this.#revocations = new RevocationService({
      log,
      client: new HttpClient({ proxies, lookup: nameLookups.inBackground }),
      observer: revocationObserver,
      limits: { refreshMs: { ...DEFAULT_LIMITS.refreshMs, most: options.revocationMaxAgeMs } },
    })
    this.#timestampers = new Timestampers({
      observer: timestampObserver,
      log,
      proxies,
      revocations: this.#revocations,
      onProbed: () => this.#watchCertificates(),
    })
    this.#current = new SignerSet(configuration, this.#setOptions(), (error) => this.#refuseStart(error))
  }

  start(): void {
    // Closing aborts it, and closes the pools
    this.#current.start(this.#closing.signal).catch(() => {})
    this.#current.warn(this.#options.log)
    if (this.#options.revocationCheck) {
      this.#settledAt = performance.now() + SETTLE_MS
      this.#revocations.start()
    }
    this.#watchCertificates()
    this.#probeTimestampers(this.#current)
    void this.#awaitReady().catch(() => {})
  }

  /**
   * Returns the signer of a name, or the default one.
   *
   * @param name undefined if the request names none
   * @param setting part of the request that has the name, for messages
   * @throws UNKNOWN_SIGNER; INVALID_REQUEST if a name is required
   */
  choose(name: string | undefined, setting = 'signing_token'): Signer {
    const { signers, defaultSigner } = this.#current
    const chosen = name === undefined ? defaultSigner : signers.get(name)
    if (chosen !== undefined) {
      return chosen
    }
    if (name !== undefined) {
      throw new UNKNOWN_SIGNER(setting)
    }
    throw new INVALID_REQUEST(
      'signing_token: must name the signer, as {"signer":"NAME"}, or the path must, as /sign/NAME: there is no default signer',
    )
  }

  /** Returns whether there is a signer of a name. */
  has(name: string): boolean {
    return this.#current.signers.has(name)
  }

  /** Returns the names of the signers from which a request may choose; an empty list if there is no choice. */
  choices(): string[] {
    const { signers, defaultSigner } = this.#current
    return defaultSigner !== undefined && signers.size === 1 ? [] : [...signers.keys()]
  }

  /**
   * Returns the signer whose certificate signed attributes name. That may be a former one, whose certificate Document
   * Engine fetched a moment ago.
   *
   * @param chosen result of `choose`
   * @param named digests that name the signer's certificate; none if the attributes name no certificate
   * @param field name of the field with the attributes, for the message
   * @throws SIGNER_MISMATCH, since no verifier would accept the signature; HSM_UNAVAILABLE while the certificate of the
   *   signer has not been read
   */
  chooseFor(chosen: Signer, named: readonly CertificateDigest[], field: string): Signer {
    if (named.length === 0 || isNamedBy(named, chosen)) {
      return chosen
    }
    const former = this.#former
      .filter((set) => this.#nameable.has(set))
      .map((set) => set.signers.get(chosen.name))
    const before = former.find((signer) => signer !== undefined && isNamedBy(named, signer))
    if (before !== undefined) {
      return before
    }
    const { serialNumber } = chosen.certificate().certificate
    throw new SIGNER_MISMATCH(
      `${field}: names a certificate that is not that of the signer, whose serial number is ${serialNumber}; get_certificates and ` +
        'sign need the same signing_token, and the signer or its certificate may have changed in between; leave certificates out ' +
        'of the sign request to Document Engine',
    )
  }

  /** The signer of requests that name none; undefined if each has to name one. */
  get defaultSigner(): Signer | undefined {
    return this.#current.defaultSigner
  }

  /** Returns all signers, the default one first. */
  all(): Signer[] {
    const { defaultSigner, signers } = this.#current
    return [...new Set([...(defaultSigner === undefined ? [] : [defaultSigner]), ...signers.values()])]
  }

  /** Returns whether revocation information that signers need may still be on its way, soon after the start. */
  isSettling(): boolean {
    return (
      performance.now() < this.#settledAt && this.all().some((signer) => signer.missingEvidence().length > 0)
    )
  }

  /** Returns the status of the default signer, or of the first one if there is no default. */
  status(): PoolStatus {
    return (this.all()[0] as Signer).status()
  }

  /** Returns the pools of the present signers, keyed by the name of the token. */
  pools(): ReadonlyMap<string, TokenPool> {
    return nameTokens(this.#current.pools)
  }

  /**
   * Takes over another configuration, or nothing if there are any problems. New pools are opened beside the present
   * ones, and have to sign first. Calls must not overlap.
   *
   * @param retryPins true if a refused PIN is tried again if its file has changed
   * @throws ConfigurationError with all problems; nothing has changed then
   */
  async takeOver(configuration: SignersConfiguration, retryPins: boolean): Promise<void> {
    const problems: ConfigurationError[] = []
    const before = this.#current
    const kept = before.pools.filter((pool) => !(retryPins && this.#refusedPins.isCorrected(pool)))
    const next = new SignerSet(configuration, this.#setOptions(), (error) => problems.push(error), kept)
    this.#candidate = next
    try {
      this.#watchCertificates()
      this.#revocations.retry()
      this.#probeTimestampers(next)
      this.#closing.signal.throwIfAborted()
      refuseNewlyInvalid(next, before)
      this.#refusedPins.check(next.ownPools, retryPins)
      await next.start(this.#closing.signal)
      await testSigners(next, before, problems, this.#refusedPins, this.#closing.signal)
    } catch (error) {
      await Promise.all(next.ownPools.map(({ pool }) => pool.close(0)))
      // Certificates of a pending configuration stay watched
      this.#candidate = error instanceof ConfigurationError && error.isTemporary ? next : undefined
      this.#forgetUnused()
      throw error
    }
    this.#current = next
    next.describeTokens()
    this.#candidate = undefined
    next.warn(this.#options.log)
    // Closing aborts the wait, and closes the former pools itself
    this.#retire(before).catch(() => {})
  }

  /** Asks again at once whether certificates were revoked. Known information counts meanwhile. */
  renewRevocations(): void {
    this.#revocations.renew()
  }

  /**
   * Has the next takeover try PINs again that may be right, and logs which tokens refused one that its file still holds, and
   * that is not tried again. Called at SIGHUP.
   */
  reviewRefusedPins(): void {
    this.#refusedPins.reopen()
    for (const pool of this.#current.pools) {
      this.#refusedPins.warnIfUnchanged(pool)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#retryTimer)
    this.#revocations.stop()
    this.#timestampers.keep(new Set())
    const pools = [...this.#current.pools, ...this.#retiring, ...(this.#candidate?.ownPools ?? [])]
    await Promise.all(pools.map(({ pool }) => pool.close(this.#options.hsm.timeoutMs)))
  }

  #setOptions(): SignerSetOptions {
    return {
      ...this.#options,
      pins: this.#refusedPins,
      revocations: this.#revocations,
      timestampers: this.#timestampers,
      onCertificate: () => this.#watchCertificates(),
    }
  }

  /** Keeps former signers for requests that chose them or name their certificates, and then closes their pools. */
  async #retire(former: SignerSet): Promise<void> {
    const { timeoutMs } = this.#options.hsm
    const retired = former.pools.filter((pool) => !this.#current.pools.includes(pool))
    this.#former = [former, ...this.#former]
    this.#nameable.add(former)
    for (const pool of retired) {
      this.#retiring.add(pool)
    }
    const waiting = { ref: false, signal: this.#closing.signal }
    await delay(FORMER_SIGNER_MS, undefined, waiting)
    this.#nameable.delete(former)
    await delay(Math.max(0, timeoutMs - FORMER_SIGNER_MS), undefined, waiting)
    this.#former = this.#former.filter((set) => set !== former)
    this.#forgetUnused()
    for (const pool of retired) {
      await pool.pool.close(timeoutMs)
      this.#retiring.delete(pool)
    }
  }

  #forgetUnused(): void {
    this.#watchCertificates()
    this.#timestampers.keep(timestampersOf(this.#allKeys()))
  }

  /** Watches the certificates of signers and timestamp authorities. Called whenever there may be others than before. */
  #watchCertificates(): void {
    if (this.#options.revocationCheck) {
      const keys = this.#allKeys()
      const own = keys.map((signer) => signer.knownCertificate()?.path).filter((path) => path !== undefined)
      const paths = [...timestampersOf(keys)].flatMap((one) => one.anchoredPaths())
      const files = keys.flatMap(({ configuration }) => certificateFilesOf(configuration))
      this.#revocations.watch([...own, ...paths], files)
    }
  }

  /** Learns in the background whether authorities give timestamps, and with which certificates, to watch these. */
  #probeTimestampers({ signers }: SignerSet): void {
    for (const timestamper of timestampersOf([...signers.values()])) {
      timestamper.probeInBackground(this.#options.hsm.timeoutMs)
    }
  }

  /** Returns the present, former and future signers. */
  #allKeys(): Signer[] {
    const sets = [this.#current, ...this.#former, this.#candidate].filter((set) => set !== undefined)
    return sets.flatMap(({ signers }) => [...signers.values()])
  }

  /** @throws AbortError if it is closed before */
  async #awaitReady(): Promise<void> {
    while (!this.#wasReady) {
      await delay(POLL_MS, undefined, { ref: false, signal: this.#closing.signal })
      const states = this.all().map((signer) => signer.status().state)
      this.#wasReady = states.includes('ready') && !states.includes('starting')
    }
  }

  /** Schedules another try of tokens that did not fit the configuration, since their keys may have come. */
  #scheduleRetry(): void {
    const retry = () => {
      for (const { pool } of this.#current.pools) {
        pool.retry()
      }
    }
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(retry, this.#options.hsm.keepAliveMs).unref()
  }

  /**
   * Ends the service, once, if no signer was ready before and all tokens have been tried, unless one of them has refused its
   * PIN, or not answered whether that is right: each start would tell it again.
   */
  #refuseStart(error: ConfigurationError): void {
    if (this.#wasReady) {
      this.#tellMisfit(error)
      return
    }
    const refused = this.#current
    const decide = () => {
      if (this.#closing.signal.aborted || this.#current !== refused) {
        return
      }
      const pools = refused.pools.map(({ pool }) => pool)
      const states = pools.map((pool) => pool.status().state)
      if (states.includes('starting')) {
        setTimeout(decide, POLL_MS).unref()
      } else if (
        this.#stayed ||
        states.includes('pin refused') ||
        pools.some(({ isLoginPending }) => isLoginPending)
      ) {
        // For good, as a token that answers the login at last does not sign at once
        this.#stayed = true
        this.#tellMisfit(error)
      } else if (!this.#misconfigured) {
        this.#misconfigured = true
        this.#options.onMisconfigured(error)
      }
    }
    decide()
  }

  /** Logs what does not fit a token, each problem once, and tries again later: it stops no other signers. */
  #tellMisfit({ problems }: ConfigurationError): void {
    const news = problems.filter(({ variable, message }) => !this.#refusals.has(`${variable} ${message}`))
    for (const { variable, message } of news) {
      this.#refusals.add(`${variable} ${message}`)
    }
    logProblems(this.#options.log, 'error', news, 'a signer cannot sign: ')
    this.#scheduleRetry()
  }
}

/** Returns each timestamper once, for all levels, since a revoked authority must not timestamp b-t either. */
function timestampersOf(keys: readonly Signer[]) {
  return new Set(keys.map(({ sources }) => sources.timestamper).filter((one) => one !== undefined))
}
