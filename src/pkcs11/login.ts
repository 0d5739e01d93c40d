/** A token that forgets the login again and again, with no signature between, is not healed by another one. */
const MAX_REPEATS = 2

/** Repeats the one login that all sessions share, and keeps when that was last done and whether it helped. */
export class Login {
  readonly #send: () => void
  #at = 0
  #runningSince: number | undefined
  #repeats = 0

  constructor(send: () => void) {
    this.#send = send
  }

  get running(): boolean {
    return this.#runningSince !== undefined
  }

  /** Since when it has not been answered, in ms of `performance.now()`; undefined where it has. */
  get runningSince(): number | undefined {
    return this.#runningSince
  }

  /** Returns whether the last login was after `time`: handles from then are stale, and failures from then say nothing. */
  isAfter(time: number): boolean {
    return time < this.#at
  }

  /**
   * Logs in again, unless that was done since `time`.
   *
   * @returns false when it was repeated in vain too often
   */
  repeat(time: number): boolean {
    if (this.running || this.isAfter(time)) {
      return true
    }
    if (this.#repeats === MAX_REPEATS) {
      return false
    }
    this.#repeats += 1
    this.#runningSince = performance.now()
    this.#send()
    return true
  }

  succeed(): void {
    this.#runningSince = undefined
    this.#at = performance.now()
  }

  /** Counts anew, since a signature came back. */
  signed(): void {
    this.#repeats = 0
  }
}
