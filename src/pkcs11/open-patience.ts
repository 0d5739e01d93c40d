/** A token that has never been opened has this long, in milliseconds. */
const FIRST_MS = 30_000
/** The library may be slow to log in, and the machine to start the process. */
const SHORTEST_MS = 5_000
const LONGEST_MS = 60_000
/** Opening may take so many times as long as it took before. */
const SLOW_FACTOR = 4

/**
 * Tells how long a token may take to be opened before that counts as hanging. It is judged by how long it took before,
 * since a call that hung does not return when the HSM does. Where the time was not enough there is twice as much the next
 * time, as the token may have become slow.
 */
export class OpenPatience {
  #ms = FIRST_MS
  #began = 0

  /** @returns how many ms opening may take */
  begin(): number {
    this.#began = performance.now()
    return this.#ms
  }

  opened(): void {
    const took = performance.now() - this.#began
    this.#ms = Math.min(FIRST_MS, Math.max(SHORTEST_MS, SLOW_FACTOR * took))
  }

  exhausted(): void {
    this.#ms = Math.min(LONGEST_MS, 2 * this.#ms)
  }
}
