/** How much was accepted and not answered: it waits, is in flight, or waits to be repeated. */
export class UnsettledJobs {
  #count = 0
  #onDrained: (() => void) | undefined

  add(): void {
    this.#count += 1
  }

  settled(): void {
    this.#count -= 1
    if (this.#count === 0) {
      this.#onDrained?.()
    }
  }

  /** Resolves when there is none, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    if (this.#count > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#onDrained = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}
