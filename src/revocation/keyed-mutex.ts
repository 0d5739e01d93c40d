/** Runs the actions for each key one after another, in the order in which they come. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const own = (async () => {
      await before?.catch(() => {})
      return await action()
    })()
    this.#last.set(key, own)
    try {
      return await own
    } finally {
      if (this.#last.get(key) === own) {
        this.#last.delete(key)
      }
    }
  }
}
