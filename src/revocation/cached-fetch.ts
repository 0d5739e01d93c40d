import type { BaseLogger } from 'pino'
import { backoffMs, shortenAtRandom } from '../common/backoff.ts'
import type { RevocationLimits } from './limits.ts'
import { NotAsked } from './request-queue.ts'
import type { Flawed, UpdateTimes } from './revocation-answer.ts'

/** An answer that is kept until its nextUpdate or, with a flaw, for its revocations. */
type Answer = UpdateTimes & Flawed

/** Longest time between looks at the clock, in ms. */
const LOOK_MS = 10_000

export interface CachedFetchOptions<T extends Answer> {
  /** Names the source in the log. */
  readonly name: string
  /** Fetches the newest answer, or throws an Error that says why there is none. */
  readonly ask: (signal: AbortSignal) => Promise<T>
  /** Returns whether an answer revokes a certificate. */
  readonly revokes: (answer: T) => boolean
  /** Returns whether the reason why there is none now is one for which an answer does not count that came before. */
  readonly disowns?: (problem: Error, answer: T) => boolean
  /** Called after each try. */
  readonly onTried: () => void
  readonly limits: Pick<RevocationLimits, 'refreshMs' | 'retryMs'>
  readonly log: BaseLogger
}

/** Keeps an answer fresh in the background: fetches it anew before it ends, and tries again after failures. */
export class CachedFetch<T extends Answer> {
  readonly #options: CachedFetchOptions<T>
  #held: T | undefined
  #heldSince = 0
  #flawed: T | undefined
  #problem: string | undefined
  #failures = 0
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #asking = false
  /** True if it is to be asked once more when the request that is under way has ended. */
  #isAskedAgain = false

  constructor(options: CachedFetchOptions<T>) {
    this.#options = options
  }

  /** The last answer without a flaw, fresh or not. */
  get held(): T | undefined {
    return this.#held
  }

  /** Time at which the held answer came, in ms since 1970; 0 if there is none. */
  get heldSince(): number {
    return this.#heldSince
  }

  /** The last answer that counts for revocations, but shows no certificate to be good. */
  get flawed(): T | undefined {
    return this.#flawed
  }

  /** The last answers whose revocations count: the held one, and the one with a flaw unless the held one is as new. */
  get standing(): T[] {
    const [held, flawed] = [this.#held, this.#flawed]
    const isSuperseded = held !== undefined && flawed !== undefined && flawed.thisUpdate <= held.thisUpdate
    return [held, isSuperseded ? undefined : flawed].filter((one) => one !== undefined)
  }

  /** Says why the last try failed; undefined if it did not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Returns the last answer without a flaw if it is fresh. */
  fresh(at: Date): T | undefined {
    return this.#held && this.#held.nextUpdate > at ? this.#held : undefined
  }

  /**
   * Starts fetching: at once, unless the held answer is fresh and came recently. Does nothing if it runs already.
   *
   * @param anew fetches at once in any case
   */
  start(anew = false): void {
    if (this.#controller === undefined) {
      const { limits } = this.#options
      this.#controller = new AbortController()
      const leftMs = anew ? 0 : this.#leftMs()
      this.#schedule(leftMs > 0 ? Math.min(refreshDelayMs(leftMs, limits), this.#untilOldMs()) : 0)
    }
  }

  /** Stops fetching, and keeps the held answer. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#controller?.abort()
    this.#controller = undefined
    this.#asking = false
    this.#isAskedAgain = false
  }

  /**
   * Fetches at once if it runs. It does not end a request that is under way: if reasons came again and again, no answer
   * would ever arrive.
   *
   * @param again fetches once more when a request that is under way has ended, since its answer may be from before the reason
   */
  renew(again = false): void {
    if (this.#asking) {
      this.#isAskedAgain ||= again
    } else if (this.#controller !== undefined) {
      clearTimeout(this.#timer)
      this.#schedule(0)
    }
  }

  /** Forgets the held answer, for a reason for which it does not count any more. */
  disown(problem: string): void {
    this.#forget()
    this.#logProblem(problem)
  }

  #forget(): void {
    this.#held = undefined
    this.#heldSince = 0
  }

  /** @param dueAt ms since 1970: the clock may be put forward while timers stand still, as where a machine sleeps */
  #schedule(delayMs: number, dueAt = Date.now() + delayMs): void {
    const ms = Math.min(delayMs, LOOK_MS)
    const look = () => {
      if (delayMs === ms || Date.now() >= dueAt) {
        void this.#try()
      } else {
        this.#schedule(delayMs - ms, dueAt)
      }
    }
    this.#timer = setTimeout(look, ms).unref()
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
    if (outcome instanceof Error && this.#held && this.#options.disowns?.(outcome, this.#held)) {
      this.#forget()
    }
    const problem = outcome instanceof Error ? outcome.message : this.#take(outcome)
    // A thousand that wait behind one that hangs have not failed
    if (problem === undefined) {
      this.#failures = 0
    } else if (!(outcome instanceof NotAsked && this.#failures > 0)) {
      this.#failures += 1
    }
    this.#logProblem(problem)
    const waitMs =
      problem === undefined
        ? refreshDelayMs(this.#leftMs(), limits)
        : backoffMs(this.#failures, limits.retryMs)
    this.#schedule(this.#isAskedAgain ? 0 : waitMs)
    this.#isAskedAgain = false
    onTried()
  }

  /** Keeps an answer, or says what is wrong. */
  #take(answer: T): string | undefined {
    const { flaw } = answer
    const before = flaw === undefined ? this.#held : this.#flawed
    if (before !== undefined && answer.thisUpdate < before.thisUpdate && !this.#isSpent(before)) {
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

  /**
   * Returns whether an answer may be replaced by an older one. Somebody may replay that after a revocation, but where the answer
   * has ended and revokes nothing, an older one that has not ended says more: servers of one address may differ in their periods.
   */
  #isSpent(answer: T): boolean {
    return answer.nextUpdate.getTime() <= Date.now() && !this.#options.revokes(answer)
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

  /** Returns the ms until the held answer is as old as `most`; 0 if a stop has made it older already. */
  #untilOldMs(): number {
    return Math.max(this.#heldSince + this.#options.limits.refreshMs.most - Date.now(), 0)
  }

  #leftMs(): number {
    return (this.#held?.nextUpdate.getTime() ?? 0) - Date.now()
  }
}

/** The part of its time after which a short-lived answer is fetched again, even if that is before the least wait. */
const LATEST = 0.8

/** Returns the ms to wait before an answer that is fresh for `leftMs` is fetched again. */
export function refreshDelayMs(
  leftMs: number,
  { refreshMs, retryMs }: Pick<RevocationLimits, 'refreshMs' | 'retryMs'>,
): number {
  const delay = Math.max(leftMs / 2, Math.min(leftMs * LATEST, refreshMs.least))
  return shortenAtRandom(Math.max(Math.min(delay, refreshMs.most), retryMs.first))
}
