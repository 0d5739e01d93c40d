/**
 * Tracks the client of a request, which may leave before it is answered. An AbortSignal is made only on demand, since
 * making and collecting one takes longer than all else here.
 */
export class Client {
  /** True once the HSM has made a signature for the client that verified. */
  signed = false
  hasLeft = false
  readonly #listeners: (() => void)[] = []
  #isFinished = false
  readonly #onFinished: (() => void)[] = []

  /** Notes that all work for the client has ended, whether it has left or not. */
  finish(): void {
    this.#isFinished = true
    for (const listener of this.#onFinished.splice(0)) {
      listener()
    }
  }

  /** Calls the listener once all work for the client has ended, or at once if it has. */
  whenFinished(listener: () => void): void {
    if (this.#isFinished) {
      listener()
    } else {
      this.#onFinished.push(listener)
    }
  }

  leave(): void {
    this.hasLeft = true
    for (const listener of this.#listeners) {
      listener()
    }
  }

  /** Calls the listener when the client leaves. Must not be called after it has left. */
  onLeave(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Returns a signal that aborts when the client leaves, or is aborted if it has left. */
  signal(): AbortSignal {
    if (this.hasLeft) {
      return AbortSignal.abort()
    }
    const controller = new AbortController()
    this.onLeave(() => controller.abort())
    return controller.signal
  }
}
