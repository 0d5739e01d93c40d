/**
 * Who asked for something, and may leave before it is there. Hardly any does: an AbortSignal, which takes longer to make
 * and to collect than to tell all that is told here, is made for those alone who listen to nothing else.
 */
export class Client {
  readonly #listeners: (() => void)[] = []
  #hasLeft = false

  get hasLeft(): boolean {
    return this.#hasLeft
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
