/** How much the last signature counts against those before it. */
const WEIGHT = 0.2

/** So many signatures tell how long one takes: the first of a session takes longer than the others. */
const ENOUGH = 8

/** How long sessions take for a signature, lately; and from that, when a request that waits will have its own. */
export class ServiceTime {
  #ms: number | undefined
  #count = 0

  /** Milliseconds; undefined before the first signature. */
  get ms(): number | undefined {
    return this.#ms
  }

  add(ms: number): void {
    this.#count += 1
    this.#ms = this.#ms === undefined ? ms : this.#ms + WEIGHT * (ms - this.#ms)
  }

  /**
   * @param ahead requests that wait before it
   * @param sessions those that sign
   * @returns milliseconds, 0 where nothing can be told
   */
  untilSigned(ahead: number, sessions: number): number {
    if (this.#ms === undefined || this.#count < ENOUGH || sessions === 0) {
      return 0
    }
    // A session gets free every ms / sessions; then its own signature
    return (ahead / sessions + 1) * this.#ms
  }
}
