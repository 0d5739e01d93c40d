import { randomBytes, type X509Certificate } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import { digest } from '../signature/digest.ts'
import { acceptAnswer, type Timestamp } from './accept-answer.ts'
import { nameAuthorities, type TimestampAuthority } from './authority.ts'
import { exchange } from './exchange.ts'
import { KnownChains } from './known-chains.ts'
import { readSecrets } from './secrets.ts'
import { TimestampFault, type TimestampOutcome } from './timestamp-fault.ts'
import { createNonce, encodeTimestampRequest } from './timestamp-request.ts'
import { Turns } from './turns.ts'
import { within } from './within.ts'

/** For which a connection is kept without use, in milliseconds: less than what servers and firewalls do. */
const IDLE_MS = 15_000

export interface TimestamperOptions {
  readonly authorities: readonly [TimestampAuthority, ...TimestampAuthority[]]
  /** Milliseconds between an authority's clock and this one; five minutes by default. */
  readonly clockToleranceMs?: number
  /** Milliseconds for which an authority that failed is asked last; half a minute by default. */
  readonly restMs?: number
  /** Requests to one authority at once, beyond which they wait; 16 by default. */
  readonly connections?: number
  readonly observer: TimestampObserver
}

export interface TimestampObserver {
  /**
   * @param authority its host
   * @param problem what was wrong and what to do, for the log; undefined where there was nothing
   */
  asked(authority: string, seconds: number, outcome: TimestampOutcome, problem?: string): void
  /** An authority has sent certificates that it had not sent before. */
  introduced?(): void
}

export interface TimestampLimits {
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number
  readonly signal?: AbortSignal
}

interface NamedAuthority extends TimestampAuthority {
  readonly name: string
  readonly known: KnownChains
}

/** Timestamps of whichever authority gives them. */
export class Timestamper {
  readonly #options: Required<TimestamperOptions>
  readonly #authorities: readonly NamedAuthority[]
  readonly #turns: Turns<NamedAuthority>
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor({
    clockToleranceMs = 300_000,
    restMs = 30_000,
    connections = 16,
    ...rest
  }: TimestamperOptions) {
    this.#options = { clockToleranceMs, restMs, connections, ...rest }
    const names = nameAuthorities(rest.authorities)
    const named = rest.authorities.map((authority, index) => ({
      ...authority,
      name: `${names[index]}`,
      known: new KnownChains(),
    }))
    this.#authorities = named
    this.#turns = new Turns(named, restMs)
    const agentOptions = { keepAlive: true, maxSockets: connections, timeout: IDLE_MS }
    this.#http = new HttpAgent(agentOptions)
    this.#https = new HttpsAgent(agentOptions)
  }

  /**
   * A timestamp of `data`, of which only a digest leaves. Authorities are asked one after another, each with its share
   * of the time that is left, until one gives a timestamp in which all is right.
   *
   * @throws TIMESTAMP_UNAVAILABLE, by the deadline; the signal's reason when it is aborted
   */
  async timestamp(data: Uint8Array, { deadline, signal }: TimestampLimits): Promise<Timestamp> {
    const problems: string[] = []
    const order = this.#turns.order()
    for (const [index, authority] of order.entries()) {
      signal?.throwIfAborted()
      const ms = (deadline - performance.now()) / (order.length - index)
      if (ms > 0) {
        const got = await this.#ask(authority, data, ms, signal)
        if (typeof got !== 'string') {
          return got
        }
        problems.push(got)
      }
    }
    throw new TIMESTAMP_UNAVAILABLE(problems.join('. ') || 'no time was left to ask one')
  }

  /** Of those authorities that have given one: the certificates of their units, each with its issuers. */
  knownPaths(): (readonly X509Certificate[])[] {
    return this.#authorities.flatMap(({ known }) => known.paths)
  }

  /**
   * Asks each authority for a timestamp of nothing in particular, so that its certificates become known. What goes
   * wrong is told to the observer alone.
   *
   * @param ms that each has
   */
  async introduce(ms: number): Promise<void> {
    const unknown = this.#authorities.filter(({ known }) => known.paths.length === 0)
    await Promise.all(unknown.map((authority) => this.#ask(authority, randomBytes(32), ms, undefined)))
  }

  /** Ends the connections. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
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
  ): Promise<Timestamp | string> {
    const { name } = authority
    const begin = performance.now()
    const tell = (outcome: TimestampOutcome, problem?: string) =>
      this.#options.observer.asked(name, (performance.now() - begin) / 1000, outcome, problem)
    const late = new TimestampFault('timeout', `did not answer within ${Math.round(ms)} ms`)
    this.#turns.begin(authority)
    try {
      const timestamp = await within(ms, late, signal, (signal) => this.#obtain(authority, data, signal))
      this.#turns.succeed(authority)
      tell('granted')
      return timestamp
    } catch (error) {
      if (!(error instanceof TimestampFault)) {
        tell('abandoned')
        throw error
      }
      this.#turns.fail(authority)
      const problem = `${name} ${describe(error, authority)}`
      tell(error.outcome, problem)
      return problem
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
    const agent = url.protocol === 'https:' ? this.#https : this.#http
    const body = encodeTimestampRequest(asked)
    const answer = await exchange({ url, agent, body, signal, ...(await readSecrets(authority)) })
    const { paths } = known
    const { clockToleranceMs, observer } = this.#options
    const timestamp = acceptAnswer(answer, { asked, trustAnchors, known, clockToleranceMs })
    if (!paths.includes(timestamp.path)) {
      observer.introduced?.()
    }
    return timestamp
  }
}

/** With what the authority itself says, unless it knows a password, or an access key in its address, which it could say. */
function describe({ message, said }: TimestampFault, { credentials, url }: TimestampAuthority): string {
  const knowsSecret = credentials !== undefined || url.pathname !== '/' || url.search !== ''
  return said === undefined || knowsSecret ? message : `${message}; it says: ${said}`
}
