/** Weight of the last signature against those before it. */
const WEIGHT = 0.2

/** So many signatures tell how long one takes, as the first of a session takes longer than the others. */
const ENOUGH = 8

/** Measures how long sessions take for a signature, and estimates when a request that waits will have its own. */
export class ServiceTime {
  /** Time that a signature takes, in ms; undefined before the first one. */
  ms: number | undefined
  #count = 0

  add(ms: number): void {
    this.#count += 1
    this.ms = this.ms === undefined ? ms : this.ms + WEIGHT * (ms - this.ms)
  }

  /**
   * @param ahead number of requests that wait before it
   * @param sessions number of sessions that sign
   * @returns ms until the signature is there; 0 where nothing can be foretold
   */
  untilSigned(ahead: number, sessions: number): number {
    if (this.ms === undefined || this.#count < ENOUGH || sessions === 0) {
      return 0
    }
    // A session gets free every ms / sessions; then comes its own signature
    return (ahead / sessions + 1) * this.ms
  }
}
