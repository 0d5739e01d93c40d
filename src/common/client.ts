/**
 * Who asked for something, and may leave before it is there. Hardly any does: an AbortSignal, which takes longer to make
 * and to collect than to tell all that is told here, is made for those alone who listen to nothing else.
 */
export class Client {
  /** Whether the HSM has made a signature for it that verified. */
  signed = false
  readonly #listeners: (() => void)[] = []
  #hasLeft = false
  #isFinished = false
  readonly #onFinished: (() => void)[] = []

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** Nothing is done for it any more, whether it has left or not. */
  finish(): void {
    this.#isFinished = true
    for (const listener of this.#onFinished.splice(0)) {
      listener()
    }
  }

  /** Calls it once nothing is done for the client any more: at once where that is so. */
  whenFinished(listener: () => void): void {
    if (this.#isFinished) {
      listener()
    } else {
      this.#onFinished.push(listener)
    }
  }

  leave(): void {
    this.#hasLeft = true
    for (const listener of this.#listeners) {
      listener()
    }
  }

  /** Calls it when the client leaves, which it has not done yet. */
  onLeave(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Aborts when the client leaves, or has left. */
  signal(): AbortSignal {
    if (this.#hasLeft) {
      return AbortSignal.abort()
    }
    const controller = new AbortController()
    this.onLeave(() => controller.abort())
    return controller.signal
  }
}
