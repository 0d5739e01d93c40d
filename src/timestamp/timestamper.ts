import { randomBytes, type X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { digest } from '../algorithms/digest.ts'
import { type Backoff, backoffMs } from '../common/backoff.ts'
import { HttpClient } from '../common/http-client.ts'
import type { Proxies } from '../common/proxies.ts'
import { withTimeout } from '../common/with-timeout.ts'
import { nameAuthorities, type TimestampAuthority } from '../configuration/timestamp-authority.ts'
import { TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import { AuthorityRotation } from './authority-rotation.ts'
import { KnownChains } from './known-chains.ts'
import { post } from './post.ts'
import { readSecrets } from './secrets.ts'
import { TimestampError, type TimestampFailure, type TimestampOutcome } from './timestamp-error.ts'
import { createNonce, encodeTimestampRequest } from './timestamp-request.ts'
import { type Timestamp, verifyResponse } from './verify-response.ts'

/** Waits between tries of an authority that is down, in ms: a service that is not ready waits for it. */
const PROBE_RETRIES = { first: 5_000, longest: 60_000 }

/** Messages for callers. The log alone has an authority's address, and what it said or did. */
const TOLD: Readonly<Record<TimestampFailure, string>> = {
  misconfigured: 'it could not be asked',
  unreachable: 'no answer',
  timeout: 'no answer',
  http_error: 'an answer that does not count',
  malformed: 'an answer that does not count',
  rejected: 'the request was rejected',
  mismatch: 'an answer that does not count',
  untrusted: 'an answer that does not count',
  revoked: 'its certificate was revoked',
}

export interface TimestamperOptions {
  readonly authorities: readonly [TimestampAuthority, ...TimestampAuthority[]]
  /** Milliseconds between an authority's clock and this one; five minutes by default. */
  readonly clockToleranceMs?: number
  /** Milliseconds for which an authority that failed is asked last; half a minute by default. */
  readonly restMs?: number
  /** Requests to one authority at once, beyond which they wait; 16 by default. */
  readonly connections?: number
  readonly proxies?: Proxies
  /** Waits between tries of an authority that is down, in ms; 5 s doubling to a minute by default. */
  readonly probeRetries?: Backoff
  readonly observer: TimestampObserver
  /** Says why the certificates of an authority may not be relied on any more; nobody is asked by default. */
  readonly describeRevocation?: (path: readonly X509Certificate[]) => string | undefined
}

export interface TimestampObserver {
  /**
   * @param authority its host
   * @param problem what was wrong and what to do, for the log; undefined where there was nothing
   */
  asked(authority: string, seconds: number, outcome: TimestampOutcome, problem?: string): void
  /** An authority with trust anchors has sent certificates that it had not sent before. */
  probed?(): void
}

export interface TimestampLimits {
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number
  readonly signal?: AbortSignal
}

/** Why an authority gave no timestamp. */
interface Refusal {
  /** The problem and the way to mend it, for the log. */
  readonly problem: string
  /** The same for callers. */
  readonly told: string
}

interface NamedAuthority extends TimestampAuthority {
  readonly name: string
  readonly known: KnownChains
}

/** Timestamps of whichever authority gives them. */
export class Timestamper {
  readonly #options: Required<Omit<TimestamperOptions, 'proxies' | 'connections' | 'restMs'>>
  readonly #authorities: readonly NamedAuthority[]
  readonly #rotation: AuthorityRotation<NamedAuthority>
  readonly #client: HttpClient
  /** Authorities that are asked in the background until they give a timestamp. */
  readonly #probing = new Set<NamedAuthority>()
  /** The fault of each authority whose last probe failed, in words for callers, until it gives a timestamp. */
  readonly #failed = new Map<NamedAuthority, string>()
  /** Authorities whose last answer was a timestamp, to a probe or to a request; a request may have too little time. */
  readonly #giving = new Set<NamedAuthority>()
  /** Milliseconds that a probe has; undefined where nothing is asked in the background. */
  #probeMs: number | undefined
  readonly #closing = new AbortController()

  constructor({
    clockToleranceMs = 300_000,
    restMs = 30_000,
    connections = 16,
    proxies,
    probeRetries = PROBE_RETRIES,
    describeRevocation = () => undefined,
    ...rest
  }: TimestamperOptions) {
    this.#options = { clockToleranceMs, probeRetries, describeRevocation, ...rest }
    const names = nameAuthorities(rest.authorities)
    const named = rest.authorities.map((authority, index) => ({
      ...authority,
      name: `${names[index]}`,
      known: new KnownChains(),
    }))
    this.#authorities = named
    this.#rotation = new AuthorityRotation(named, restMs)
    this.#client = new HttpClient({ connections, ...(proxies && { proxies }) })
  }

  /**
   * A timestamp of `data`, of which only a digest leaves. Authorities are asked one after another, each with its share
   * of the time that is left, until one gives a timestamp in which all is right. Where none does, and they are asked in
   * the background at all, that goes on there until one does.
   *
   * @throws TIMESTAMP_UNAVAILABLE, by the deadline; the signal's reason when it is aborted
   */
  async timestamp(data: Uint8Array, { deadline, signal }: TimestampLimits): Promise<Timestamp> {
    const refusals: Refusal[] = []
    const order = this.#rotation.order()
    for (const [index, authority] of order.entries()) {
      signal?.throwIfAborted()
      const ms = (deadline - performance.now()) / (order.length - index)
      if (ms > 0) {
        const got = await this.#ask(authority, data, ms, signal)
        if ('token' in got) {
          return got
        }
        refusals.push(got)
      }
    }
    this.#probe(this.#authorities)
    throw describeRefusals(refusals)
  }

  /** Why there are no timestamps, in words for callers; undefined unless the last probe of each authority failed. */
  get problem(): string | undefined {
    return this.#failed.size < this.#authorities.length
      ? undefined
      : new TIMESTAMP_UNAVAILABLE(joinOnce(this.#failed.values())).message
  }

  /** Whether it is not known yet if there are timestamps. */
  get isUntried(): boolean {
    return this.#giving.size === 0 && this.problem === undefined
  }

  /** Returns the certificates of the units of those authorities that have given a timestamp, each with its issuers. */
  sentPaths(): (readonly X509Certificate[])[] {
    return this.#authorities.flatMap(({ known }) => known.paths)
  }

  /**
   * Returns those of them about which others may be asked. Left out are those of authorities without trust anchors: whoever
   * answers for these could make up issuers and the addresses where CRLs are got, of private hosts and of any number.
   */
  knownPaths(): (readonly X509Certificate[])[] {
    return this.#authorities.filter(isAnchored).flatMap(({ known }) => known.paths)
  }

  /**
   * Asks each authority for a timestamp of nothing in particular, so that its certificates become known. What goes
   * wrong is told to the observer alone.
   *
   * @param ms that each has
   */
  async probe(ms: number): Promise<void> {
    const unknown = this.#authorities.filter(({ known }) => known.paths.length === 0)
    await Promise.all(unknown.map((authority) => this.#ask(authority, randomBytes(32), ms, undefined)))
  }

  /**
   * Does the same in the background, and again with growing waits where an authority gives none, until its
   * certificates are known. From then on it does so too whenever a request finds that no authority gives a timestamp,
   * until one does: a service that is not ready for that reason gets no requests that would find out.
   *
   * @param ms that each try has
   */
  probeInBackground(ms: number): void {
    this.#probeMs = ms
    this.#probe(this.#authorities.filter(({ known }) => known.paths.length === 0))
  }

  /** Ends the connections, and what goes on in the background. */
  close(): void {
    this.#closing.abort()
    this.#client.close()
  }

  /** Asks these in the background, unless they are asked there already. */
  #probe(authorities: readonly NamedAuthority[]): void {
    const ms = this.#probeMs
    for (const authority of ms === undefined ? [] : authorities.filter((one) => !this.#probing.has(one))) {
      this.#probing.add(authority)
      this.#probeUntilGiven(authority, ms as number)
        // It is closed
        .catch(() => {})
        .finally(() => this.#probing.delete(authority))
    }
  }

  /**
   * Ends too where the certificates of the authority are known and another one gives timestamps.
   *
   * @throws AbortError when it is closed before
   */
  async #probeUntilGiven(authority: NamedAuthority, ms: number): Promise<void> {
    const { signal } = this.#closing
    let failures = 0
    do {
      const got = await this.#ask(authority, randomBytes(32), ms, signal)
      if ('token' in got) {
        return
      }
      this.#failed.set(authority, got.told)
      failures += 1
      await delay(backoffMs(failures, this.#options.probeRetries), undefined, { ref: false, signal })
    } while (authority.known.paths.length === 0 || this.#giving.size === 0)
  }

  /**
   * @returns the timestamp, or what is wrong
   * @throws the signal's reason when it is aborted
   */
  async #ask(
    authority: NamedAuthority,
    data: Uint8Array,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<Timestamp | Refusal> {
    const { name } = authority
    const begin = performance.now()
    const tell = (outcome: TimestampOutcome, problem?: string) =>
      this.#options.observer.asked(name, (performance.now() - begin) / 1000, outcome, problem)
    const late = new TimestampError('timeout', `did not answer within ${Math.round(ms)} ms`)
    this.#rotation.begin(authority)
    try {
      const timestamp = await withTimeout(ms, late, signal, (signal) => this.#obtain(authority, data, signal))
      this.#rotation.succeed(authority)
      this.#failed.delete(authority)
      this.#giving.add(authority)
      tell('granted')
      return timestamp
    } catch (error) {
      if (!(error instanceof TimestampError)) {
        tell('abandoned')
        throw error
      }
      this.#rotation.fail(authority)
      this.#giving.delete(authority)
      const problem = `${name} ${describe(error, authority)}`
      tell(error.outcome, problem)
      return { problem, told: TOLD[error.outcome] }
    }
  }

  async #obtain(authority: NamedAuthority, data: Uint8Array, signal: AbortSignal): Promise<Timestamp> {
    const { url, hashAlgorithm, policy, trustAnchors, known } = authority
    const asked = {
      hashAlgorithm,
      digest: digest(hashAlgorithm, data),
      nonce: createNonce(),
      ...(policy === undefined ? {} : { policy }),
    }
    const body = encodeTimestampRequest(asked)
    const answer = await post(this.#client, { url, body, signal, ...(await readSecrets(authority)) })
    const { paths } = known
    const { clockToleranceMs, observer, describeRevocation } = this.#options
    const timestamp = verifyResponse(answer, { asked, trustAnchors, known, clockToleranceMs })
    if (isAnchored(authority) && !paths.includes(timestamp.path)) {
      observer.probed?.()
    }
    const revocation = describeRevocation(timestamp.path)
    if (revocation !== undefined) {
      throw new TimestampError('revoked', `timestamps with a certificate that does not count: ${revocation}`)
    }
    return timestamp
  }
}

function isAnchored({ trustAnchors }: TimestampAuthority): boolean {
  return trustAnchors.length > 0
}

/** The details are for those who read no log, as the command does. */
function describeRefusals(refusals: readonly Refusal[]): Error {
  const told = joinOnce(refusals.map(({ told }) => told))
  return refusals.length === 0
    ? new TIMESTAMP_UNAVAILABLE('no time was left to ask one')
    : new TIMESTAMP_UNAVAILABLE(`${told}; the log has the details`, {
        cause: new Error(refusals.map(({ problem }) => problem).join('. ')),
      })
}

function joinOnce(told: Iterable<string>): string {
  return [...new Set(told)].join('; ')
}

/** With what the authority itself says, unless it knows a password, or an access key in its address, which it could say. */
function describe({ message, said }: TimestampError, { credentials, url }: TimestampAuthority): string {
  const knowsSecret = credentials !== undefined || url.pathname !== '/' || url.search !== ''
  return said === undefined || knowsSecret ? message : `${message}; it says: ${said}`
}
