import { randomBytes, type X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { digest } from '../algorithms/hash-algorithms.ts'
import { type Backoff, backoffMs } from '../common/backoff.ts'
import { HttpClient } from '../common/http-client.ts'
import type { Proxies } from '../common/proxies.ts'
import type { Trace } from '../common/trace.ts'
import { withTimeout } from '../common/with-timeout.ts'
import { nameAuthorities, type TimestampAuthority } from '../configuration/timestamp-authority.ts'
import { TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import { KnownChains } from './authority-chains.ts'
import { Places } from './places.ts'
import { post } from './post.ts'
import { TimestampError, type TimestampFailure, type TimestampOutcome } from './timestamp-error.ts'
import { createNonce, encodeTimestampRequest, type TimestampRequest } from './timestamp-request.ts'
import { type Timestamp, verifyResponse } from './verify-response.ts'

/** Waits between tries of an authority that is down, in ms. A service may be unready until one succeeds. */
const PROBE_RETRIES = { first: 5_000, longest: 60_000 }

/**
 * Room for requests that wait for a timestamp, each of which keeps a connection of its caller's. An owner has half of what the others
 * leave, so that it takes nine who ask for much to fill it: 128 if he is alone.
 */
const ROOM = 256
/** The same while no authority gives a timestamp: a few are enough to see that it does again. */
const ROOM_AWAY = 8

const CROWDED = 'too many others wait for one'

/** Messages for callers. Only the log names an authority's address, and its own words. */
const PUBLIC_PROBLEMS: Readonly<Record<TimestampFailure, string>> = {
  misconfigured: 'it could not be asked',
  unreachable: 'no answer',
  timeout: 'no answer',
  http_error: 'an answer that does not count',
  malformed: 'an answer that does not count',
  rejected: 'the request was rejected',
  mismatch: 'an answer that does not count',
  untrusted: 'an answer that does not count',
  revoked: 'its certificate was revoked',
  crowded: CROWDED,
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
  /** Finds the revoked certificate of a path that is nearest to the authority; finds nothing by default. */
  readonly findRevoked?: (path: readonly X509Certificate[]) => RevokedCertificate | undefined
}

/** A certificate of a path that is known to be revoked. */
export interface RevokedCertificate {
  readonly certificate: X509Certificate
  /** The subject in one line. */
  readonly subject: string
  readonly at: Date
  /** In words. */
  readonly reason: string
}

export interface TimestampObserver {
  /**
   * Records the outcome of a request.
   *
   * @param authority the host of the authority
   * @param problem describes what was wrong and what to do, for the log; undefined if nothing was
   * @param trace that of the request for which it was asked, if that belongs to one
   */
  asked(authority: string, seconds: number, outcome: TimestampOutcome, problem?: string, trace?: Trace): void
  /**
   * Records that a request prefers others to an authority that may well give timestamps.
   *
   * @param problem describes why, for the log
   */
  passedOver?(authority: string, problem: string): void
  /**
   * Records that an authority has sent certificates for the first time.
   *
   * @param path from the authority's upwards
   * @param anchored true if it ends in a trust anchor
   */
  introduced?(authority: string, path: readonly X509Certificate[], anchored: boolean): void
}

export interface TimestampLimits {
  /** Time in ms of `performance.now()`. */
  readonly deadline: number
  readonly signal?: AbortSignal
  /** The trace of the request that wants the timestamp. */
  readonly trace?: Trace
  /** On whose account it is wanted. Owners take turns; those without a name are one. */
  readonly owner?: string
  /** Tells whether there is all revocation information about the certificates of an authority, where that is wanted. */
  readonly isCovered?: (path: readonly X509Certificate[]) => boolean
  /** Finds why the signature would not be valid at a time, in words for the log. */
  readonly findTimeProblem?: (time: Date) => string | undefined
}

/** One request to an authority. */
interface Ask extends Pick<TimestampLimits, 'signal' | 'trace' | 'owner' | 'findTimeProblem'> {
  /** Time limit, in ms. */
  readonly ms: number
  /** True where nobody waits for the timestamp. It then takes nobody's place, nor waits for one. */
  readonly isProbe?: boolean
}

/** The turn of a request to an authority. Times are ms of `performance.now()`. */
class Turn {
  readonly #end: number
  #queuedAt = Number.POSITIVE_INFINITY
  #begunAt = Number.POSITIVE_INFINITY

  constructor(end: number) {
    this.#end = end
  }

  /** Notes that it waits for a place from now on. */
  queue(): void {
    this.#queuedAt = performance.now()
  }

  /** Notes that it is sent now. */
  begin(): void {
    this.#begunAt = performance.now()
  }

  /** Returns the time that is left, in ms. */
  left(): number {
    return Math.max(0, Math.ceil(this.#end - performance.now()))
  }

  /** Returns for how long it has waited for a place, in ms. */
  waited(): number {
    return Math.max(0, Math.min(this.#begunAt, performance.now()) - this.#queuedAt)
  }

  /** Returns how long ago it was sent, in ms; 0 if it was not. */
  sentFor(): number {
    return Math.max(0, performance.now() - this.#begunAt)
  }
}

/** The reason why an authority gave no timestamp. */
interface AuthorityFailure {
  /** The problem and the way to mend it, for the log. */
  readonly problem: string
  /** A message for callers, from PUBLIC_PROBLEMS. */
  readonly publicProblem: string
}

/** An authority, and what is known about it. */
interface NamedAuthority extends TimestampAuthority {
  readonly name: string
  readonly known: KnownChains
  /** Those of its connections. */
  readonly places: Places
  /** True if the last request or probe succeeded. A request may fail for lack of time alone. */
  works: boolean
  /** A message for callers if a probe has failed, until the authority gives a timestamp. */
  probeProblem?: string | undefined
  /** True while it is asked in the background until it gives a timestamp. */
  isProbed: boolean
  /** Time until which it is tried last since it has failed, in ms of `performance.now()`; undefined if it has not. */
  restsUntil?: number | undefined
  /** Time that an answer takes, in ms, the latest counting most; undefined before the first one. */
  answerMs?: number | undefined
  /** Bytes of its latest timestamps, the newest first. */
  lengths: readonly number[]
}

/** Time after which a request ends that nobody waits for any more, in ms, beyond its own: whoever waits is told of the end of that. */
const MARGIN_MS = 100
/** Weight of the time that the latest answer took against those before it. */
const WEIGHT = 0.2
/** Lengths that are kept of each authority: one timestamp with what somebody has added to it must not count for ever. */
const KEPT_LENGTHS = 8

/** Obtains timestamps from several authorities, of which one at a time is enough. */
export class Timestamper {
  readonly #options: Required<Omit<TimestamperOptions, 'proxies' | 'connections'>>
  readonly #authorities: readonly NamedAuthority[]
  readonly #client: HttpClient
  /** Time limit of a probe in ms; undefined without probes in the background. */
  #probeMs: number | undefined
  readonly #closing = new AbortController()
  /** Numbers of requests that wait for a timestamp, keyed by owner. */
  readonly #waiting = new Map<string | undefined, number>()

  constructor({
    clockToleranceMs = 300_000,
    restMs = 30_000,
    connections = 16,
    proxies,
    probeRetries = PROBE_RETRIES,
    findRevoked = () => undefined,
    ...rest
  }: TimestamperOptions) {
    this.#options = { clockToleranceMs, restMs, probeRetries, findRevoked, ...rest }
    const names = nameAuthorities(rest.authorities)
    this.#authorities = rest.authorities.map((authority, index) => ({
      ...authority,
      name: `${names[index]}`,
      known: new KnownChains(),
      places: new Places(connections),
      works: false,
      isProbed: false,
      lengths: [],
    }))
    // Several may be on one host, or behind one proxy, and each has a probe beside its places
    const all = (connections + 1) * rest.authorities.length
    this.#client = new HttpClient({ connections: all, ...(proxies && { proxies }) })
  }

  /**
   * Obtains a timestamp of `data`, and sends only a digest of it. It asks authorities one after another, each with its
   * share of the time that is left, until one gives a valid timestamp. If none does, probes in the background go on.
   * Where revocation information is wanted, a timestamp without it is returned only if the others that are known to have it
   * give none.
   *
   * @throws TIMESTAMP_UNAVAILABLE before the deadline; the signal's reason when it is aborted
   */
  async timestamp(data: Uint8Array, limits: TimestampLimits): Promise<Timestamp> {
    const { owner } = limits
    this.checkRoom(owner)
    this.#countWaiting(owner, 1)
    try {
      return await this.#timestamp(data, limits)
    } finally {
      this.#countWaiting(owner, -1)
    }
  }

  /**
   * Refuses a request at once where too many of its owner's wait already, of which most would get nothing.
   *
   * @throws TIMESTAMP_UNAVAILABLE
   */
  checkRoom(owner?: string): void {
    const room = this.problem === undefined ? ROOM : ROOM_AWAY
    const own = this.#waiting.get(owner) ?? 0
    const all = [...this.#waiting.values()].reduce((sum, count) => sum + count, 0)
    if (own >= room - all) {
      throw new TIMESTAMP_UNAVAILABLE(CROWDED)
    }
  }

  #countWaiting(owner: string | undefined, more: 1 | -1): void {
    const count = (this.#waiting.get(owner) ?? 0) + more
    if (count === 0) {
      this.#waiting.delete(owner)
    } else {
      this.#waiting.set(owner, count)
    }
  }

  async #timestamp(data: Uint8Array, { deadline, isCovered, ...rest }: TimestampLimits): Promise<Timestamp> {
    const refusals: AuthorityFailure[] = []
    const covered = this.#findCovered(isCovered)
    const order = this.#order(covered)
    let uncovered: Timestamp | undefined
    for (const [index, authority] of order.entries()) {
      rest.signal?.throwIfAborted()
      const ms = (deadline - performance.now()) / (order.length - index)
      // Information about certificates that come for the first time would be too late for this request
      if (ms > 0 && (uncovered === undefined || covered.includes(authority))) {
        const got = await this.#ask(authority, data, { ms, ...rest })
        if (!('token' in got)) {
          refusals.push(got)
        } else if (isCovered?.(got.path) === false) {
          uncovered ??= got
        } else {
          return got
        }
      }
    }
    if (uncovered !== undefined) {
      return uncovered
    }
    if (refusals.some(({ publicProblem }) => publicProblem !== CROWDED)) {
      this.#probe(this.#authorities)
    }
    throw toUnavailable(refusals)
  }

  /** Bytes of the largest one among the latest timestamps of all authorities; 0 before the first. */
  get largestToken(): number {
    return Math.max(0, ...this.#authorities.flatMap(({ lengths }) => lengths))
  }

  /** A message for callers if the last probe of each authority failed; else undefined. */
  get problem(): string | undefined {
    const problems = this.#authorities.flatMap(({ probeProblem }) => probeProblem ?? [])
    return problems.length < this.#authorities.length
      ? undefined
      : new TIMESTAMP_UNAVAILABLE(joinDistinct(problems)).message
  }

  /** True as long as no authority has given a timestamp, and not all have failed. */
  get isUntried(): boolean {
    return !this.#anyWorks && this.problem === undefined
  }

  /** Returns the verified paths of all authorities that have given a timestamp, each from the authority upwards. */
  sentPaths(): (readonly X509Certificate[])[] {
    return this.#authorities.flatMap(({ known }) => known.paths)
  }

  /**
   * Returns the paths whose revocation may be checked, first the newest one of each authority. It leaves out authorities
   * without trust anchors: anybody who answers for them could make up issuers, and with them addresses of CRLs on private hosts.
   */
  anchoredPaths(): (readonly X509Certificate[])[] {
    return this.#authorities
      .filter(isAnchored)
      .flatMap(({ known }) => known.paths.map((path, age) => ({ path, age })))
      .toSorted((a, b) => a.age - b.age)
      .map(({ path }) => path)
  }

  /**
   * Asks each authority for a timestamp of random data, so that its certificates become known. Only the observer learns
   * of failures.
   *
   * @param ms time limit for each authority
   */
  async probe(ms: number): Promise<void> {
    const unknown = this.#authorities.filter(({ known }) => known.paths.length === 0)
    await Promise.all(
      unknown.map((authority) => this.#ask(authority, randomBytes(32), { ms, isProbe: true })),
    )
  }

  /**
   * Does the same in the background, with growing waits after failures, until the certificates of each authority are
   * known. It starts again when a request fails at all authorities, and goes on until one gives a timestamp: an unready
   * service gets no requests that would find out.
   *
   * @param ms time limit of each try
   */
  probeInBackground(ms: number): void {
    this.#probeMs = ms
    this.#probe(this.#authorities.filter(({ known }) => known.paths.length === 0))
  }

  /** Ends the connections and the probes. */
  close(): void {
    this.#closing.abort()
    this.#client.close()
  }

  get #anyWorks(): boolean {
    return this.#authorities.some(({ works }) => works)
  }

  /** Finds those that may give a timestamp with revocation information, and tells of others that come behind them. */
  #findCovered(isCovered: TimestampLimits['isCovered']): readonly NamedAuthority[] {
    if (isCovered === undefined) {
      return this.#authorities
    }
    const covered = this.#authorities.filter(({ known }) => known.paths.some(isCovered))
    for (const authority of covered.length === 0 ? [] : this.#authorities) {
      if (authority.known.paths.length > 0 && !covered.includes(authority)) {
        const problem = 'comes last: revocation information about its certificates is missing, or has no room'
        this.#options.observer.passedOver?.(authority.name, `${authority.name} ${problem}`)
      }
    }
    return covered
  }

  /**
   * Returns first those that are covered, and then the others. Both are in the given order, but at their end those that
   * rest, and first among them the one that failed first.
   */
  #order(covered: readonly NamedAuthority[]): NamedAuthority[] {
    const now = performance.now()
    const rest = ({ restsUntil = 0 }: NamedAuthority) => (restsUntil > now ? restsUntil : 0)
    const place = (authority: NamedAuthority) => (covered.includes(authority) ? 0 : 1)
    return this.#authorities.toSorted((a, b) => place(a) - place(b) || rest(a) - rest(b))
  }

  /** Probes these authorities, except those that are being probed already. */
  #probe(authorities: readonly NamedAuthority[]): void {
    const ms = this.#probeMs
    for (const authority of ms === undefined ? [] : authorities.filter(({ isProbed }) => !isProbed)) {
      authority.isProbed = true
      this.#probeUntilGiven(authority, ms as number)
        // The only error says that it was closed
        .catch(() => {})
        .finally(() => {
          authority.isProbed = false
        })
    }
  }

  /**
   * Probes an authority until it gives a timestamp, or its certificates are known and another one gives timestamps.
   *
   * @throws AbortError when it is closed before
   */
  async #probeUntilGiven(authority: NamedAuthority, ms: number): Promise<void> {
    const { signal } = this.#closing
    let failures = 0
    do {
      const got = await this.#ask(authority, randomBytes(32), { ms, signal, isProbe: true })
      if ('token' in got) {
        return
      }
      authority.probeProblem = got.publicProblem
      failures += 1
      await delay(backoffMs(failures, this.#options.probeRetries), undefined, { ref: false, signal })
    } while (authority.known.paths.length === 0 || !this.#anyWorks)
  }

  /**
   * Asks one authority, and records the outcome.
   *
   * @returns the timestamp, or the reason why there is none
   * @throws the signal's reason when it is aborted
   */
  async #ask(
    authority: NamedAuthority,
    data: Uint8Array,
    { ms, signal, trace, findTimeProblem, ...rest }: Ask,
  ): Promise<Timestamp | AuthorityFailure> {
    const { name } = authority
    const begin = performance.now()
    const turn = new Turn(begin + ms)
    const tell = (outcome: TimestampOutcome, problem?: string) =>
      this.#options.observer.asked(name, (performance.now() - begin) / 1000, outcome, problem, trace)
    const late = new TimestampError('timeout', `did not answer within ${Math.round(ms)} ms`)
    // One that failed rests again while it is tried, so that only one request at a time waits for it
    if (authority.restsUntil !== undefined) {
      authority.restsUntil = begin + this.#options.restMs
    }
    try {
      const timestamp = await withTimeout(ms, late, signal, (signal) =>
        this.#obtain(authority, data, { ...rest, signal, turn }),
      )
      const wrong = findTimeProblem?.(timestamp.time)
      if (wrong !== undefined) {
        throw new TimestampError(
          'mismatch',
          `gave a time at which the signer cannot sign: ${wrong}; check both clocks`,
        )
      }
      if (!authority.works) {
        // How long it took before says nothing any more
        authority.answerMs = undefined
      }
      noteAnswer(authority, turn)
      Object.assign(authority, { works: true, probeProblem: undefined, restsUntil: undefined })
      tell('granted')
      return timestamp
    } catch (error) {
      if (!(error instanceof TimestampError)) {
        tell('abandoned')
        throw error
      }
      if (error.outcome === 'crowded' || (error === late && turn.waited() > ms / 2)) {
        // Others were served meanwhile, of which the authority knows nothing
        const problem = `${name} was not asked, or too late: ${CROWDED}`
        tell('crowded', problem)
        return { problem, publicProblem: CROWDED }
      }
      if (error === late && rest.isProbe !== true) {
        noteAnswer(authority, turn)
      }
      authority.works = false
      authority.restsUntil = performance.now() + this.#options.restMs
      const problem = `${name} ${describeFailure(error, authority)}`
      tell(error.outcome, problem)
      return { problem, publicProblem: PUBLIC_PROBLEMS[error.outcome] }
    }
  }

  async #obtain(
    authority: NamedAuthority,
    data: Uint8Array,
    {
      owner,
      signal,
      isProbe,
      turn,
    }: Pick<Ask, 'owner' | 'isProbe'> & {
      readonly signal: AbortSignal
      readonly turn: Turn
    },
  ): Promise<Timestamp> {
    const { hashAlgorithm, policy, places } = authority
    const asked = {
      hashAlgorithm,
      digest: digest(hashAlgorithm, data),
      nonce: createNonce(),
      ...(policy === undefined ? {} : { policy }),
    }
    const exchange: HttpClient['send'] = async (request) => {
      turn.begin()
      // Where the caller leaves, the authority goes on with the request all the same, and the place is taken until it has ended
      return this.#client.send({ ...request, signal: AbortSignal.timeout(turn.left() + MARGIN_MS) })
    }
    const send: HttpClient['send'] = async (request) => {
      if (isProbe) {
        return exchange(request)
      }
      turn.queue()
      const rounds = places.roundsBefore(owner)
      const requireTime = (ahead: number) => {
        if (rounds > 0 && (ahead + 1) * (authority.answerMs ?? 0) > turn.left()) {
          // It would take the time of those who wait, and come too late
          throw new TimestampError('crowded', CROWDED)
        }
      }
      requireTime(rounds)
      return places.use(owner, signal, async () => {
        requireTime(0)
        return exchange(request)
      })
    }
    const answer = await post({ send }, authority, encodeTimestampRequest(asked), signal)
    const timestamp = this.#verify(authority, answer, asked)
    authority.lengths = [timestamp.token.length, ...authority.lengths].slice(0, KEPT_LENGTHS)
    return timestamp
  }

  /**
   * Verifies an answer. Where an issuer was revoked, it looks for another path: the authority may be certified by several, and
   * validators find that path too.
   *
   * @param revoked issuers that no path may lead through
   * @throws TimestampError
   */
  #verify(
    authority: NamedAuthority,
    answer: Buffer,
    asked: TimestampRequest,
    revoked: readonly X509Certificate[] = [],
  ): Timestamp {
    const { trustAnchors, known } = authority
    const { paths } = known
    const { clockToleranceMs, observer, findRevoked } = this.#options
    const timestamp = verifyResponse(answer, { asked, trustAnchors, known, clockToleranceMs, revoked })
    if (!paths.includes(timestamp.path)) {
      observer.introduced?.(authority.name, timestamp.path, isAnchored(authority))
    }
    const found = findRevoked(timestamp.path)
    if (found === undefined) {
      return timestamp
    }
    const { certificate, subject, at, reason } = found
    const problem = new TimestampError(
      'revoked',
      `timestamps with a certificate that does not count: that of ${subject} was revoked at ${at.toISOString()} (${reason})`,
    )
    if (certificate === timestamp.path[0]) {
      throw problem
    }
    try {
      return this.#verify(authority, answer, asked, [...revoked, certificate])
    } catch {
      throw problem
    }
  }
}

/** Notes how long a request has been under way, as the answer to another one may take as long. */
function noteAnswer(authority: NamedAuthority, turn: Turn): void {
  const took = turn.sentFor()
  const { answerMs = took } = authority
  authority.answerMs = answerMs + WEIGHT * (took - answerMs)
}

function isAnchored({ trustAnchors }: TimestampAuthority): boolean {
  return trustAnchors.length > 0
}

/** Builds the error after all authorities failed. Its cause has the details, for the command, which shows no log. */
function toUnavailable(refusals: readonly AuthorityFailure[]): Error {
  const distinct = joinDistinct(refusals.map(({ publicProblem }) => publicProblem))
  return refusals.length === 0
    ? new TIMESTAMP_UNAVAILABLE('no time was left to ask one')
    : new TIMESTAMP_UNAVAILABLE(`${distinct}; the log has the details`, {
        cause: new Error(refusals.map(({ problem }) => problem).join('. ')),
      })
}

function joinDistinct(problems: Iterable<string>): string {
  return [...new Set(problems)].join('; ')
}

/**
 * Describes a failure. It adds the authority's own words, unless the authority knows a password or an access key, which
 * these could contain.
 */
function describeFailure(
  { message, statusText }: TimestampError,
  { credentials, url }: TimestampAuthority,
): string {
  const knowsSecret = credentials !== undefined || url.pathname !== '/' || url.search !== ''
  return statusText === undefined || knowsSecret ? message : `${message}; it says: ${statusText}`
}
