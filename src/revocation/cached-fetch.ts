import type { BaseLogger } from 'pino'
import type { RevocationLimits } from './limits.ts'
import { refreshDelayMs, retryDelayMs } from './refresh-delay.ts'
import type { Flawed, UpdateTimes } from './time.ts'

/** An answer that is kept: until it is to be replaced or, with a flaw, for the revocations in it. */
type Answer = UpdateTimes & Flawed

export interface CachedFetchOptions<T extends Answer> {
  /** What it is about, for the log. */
  readonly name: string
  /** Gets the newest; an Error says in words why there is none. */
  readonly ask: (signal: AbortSignal) => Promise<T>
  /** Called after each try. */
  readonly onTried: () => void
  readonly limits: Pick<RevocationLimits, 'refreshMs' | 'retryMs'>
  readonly log: BaseLogger
}

/** Keeps something fresh in the background: gets it anew before it ends, and tries again where that fails. */
export class CachedFetch<T extends Answer> {
  readonly #options: CachedFetchOptions<T>
  #held: T | undefined
  /** When what is held came, in ms since 1970. */
  #heldSince = 0
  #flawed: T | undefined
  #problem: string | undefined
  #failures = 0
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(options: CachedFetchOptions<T>) {
    this.#options = options
  }

  /** What came last, fresh or not. */
  get held(): T | undefined {
    return this.#held
  }

  /** The last answer that counts for revocations, but shows no certificate to be good. */
  get flawed(): T | undefined {
    return this.#flawed
  }

  /** Why the last try failed, in words; undefined where it did not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Whether it was asked for, and that came to an end. */
  get tried(): boolean {
    return this.#held !== undefined || this.#problem !== undefined
  }

  /** What came last, while it is fresh. */
  fresh(at: Date): T | undefined {
    return this.#held && this.#held.nextUpdate > at ? this.#held : undefined
  }

  /**
   * Asks at once, unless something is fresh that came not long ago. Does nothing where it runs.
   *
   * @param anew whether what is fresh does not do
   */
  start(anew = false): void {
    if (this.#controller === undefined) {
      const { limits } = this.#options
      this.#controller = new AbortController()
      const leftMs = anew ? 0 : this.#leftMs()
      this.#schedule(leftMs > 0 ? Math.min(refreshDelayMs(leftMs, limits), this.#untilOldMs()) : 0)
    }
  }

  /** Ends what is under way. What is held stays. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#controller?.abort()
    this.#controller = undefined
    this.#asking = false
  }

  /**
   * Asks at once where it runs, whatever is held. What is under way is not ended: where there is reason for it again and
   * again, nothing would ever come.
   */
  renew(): void {
    if (this.#controller !== undefined && !this.#asking) {
      clearTimeout(this.#timer)
      this.#schedule(0)
    }
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#try(), delayMs).unref()
  }

  async #try(): Promise<void> {
    const { signal } = this.#controller as AbortController
    const { ask, onTried, limits } = this.#options
    this.#asking = true
    const outcome = await ask(signal).catch((error: Error) => error)
    if (signal.aborted) {
      return
    }
    this.#asking = false
    const problem = outcome instanceof Error ? outcome.message : this.#take(outcome)
    this.#failures = problem === undefined ? 0 : this.#failures + 1
    this.#logProblem(problem)
    this.#schedule(
      problem === undefined ? refreshDelayMs(this.#leftMs(), limits) : retryDelayMs(this.#failures, limits),
    )
    onTried()
  }

  /** Says what is wrong with an answer: an old one may be held up, and sent when a certificate has been revoked. */
  #take(answer: T): string | undefined {
    const { flaw } = answer
    const before = flaw === undefined ? this.#held : this.#flawed
    if (before !== undefined && answer.thisUpdate < before.thisUpdate) {
      return 'it is older than what came before'
    }
    if (flaw !== undefined) {
      this.#flawed = answer
      return flaw
    }
    this.#held = answer
    this.#heldSince = Date.now()
    return undefined
  }

  #logProblem(problem: string | undefined): void {
    const { name, log } = this.#options
    if (problem !== undefined && problem !== this.#problem) {
      log.warn(`No revocation information from ${name}: ${problem}`)
    } else if (problem === undefined && this.#problem !== undefined) {
      log.info(`There is revocation information from ${name} again`)
    }
    this.#problem = problem
  }

  /** Milliseconds until what is held is no news any more: time has passed where this was stopped, as CRLs are while OCSP works. */
  #untilOldMs(): number {
    return Math.max(this.#heldSince + this.#options.limits.refreshMs.most - Date.now(), 0)
  }

  #leftMs(): number {
    return (this.#held?.nextUpdate.getTime() ?? 0) - Date.now()
  }
}
