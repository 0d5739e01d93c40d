import type { Session } from './session.ts'

/** The session that is being opened keeps the next one waiting for so many ms at most. */
const PATIENCE_MS = 1_000

/**
 * Opens sessions one after another, since CloudHSM dislikes bursts. One that takes long does not hold up the others for
 * more than a second: while the HSM hangs, there is always one that has just begun and will see it come back.
 */
export class OpeningQueue {
  readonly #waiting: Session[] = []
  #current: Session | undefined
  #since = 0

  /** Opens the session, or opens it anew, as soon as it is its turn. */
  add(session: Session): void {
    session.enter('opening')
    if (!this.#waiting.includes(session)) {
      this.#waiting.push(session)
    }
    this.done(session)
    this.#next()
  }

  /** Lets the next session be opened, as this one has made its test signature, failed, or hangs. */
  done(session: Session): void {
    if (session === this.#current) {
      this.#current = undefined
      this.#next()
    }
  }

  tick(now: number): void {
    if (this.#current !== undefined && now - this.#since >= PATIENCE_MS) {
      this.done(this.#current)
    }
  }

  #next(): void {
    if (this.#current === undefined) {
      this.#current = this.#waiting.shift()
      this.#since = performance.now()
      this.#current?.reopen()
    }
  }
}
