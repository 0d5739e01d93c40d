type Owner = string | undefined

/**
 * Places for what is under way at the same time. Those that wait for one get it in the turns of their owners, with one in each, so
 * that one who asks for much keeps nobody waiting.
 */
export class Places {
  #free: number
  /** What waits, in the order in which it came, keyed by owner; the one whose turn is next is the first. */
  readonly #waiting = new Map<Owner, Set<() => void>>()

  constructor(count: number) {
    this.#free = count
  }

  /**
   * Acts once there is a place, which it keeps until it has ended.
   *
   * @param act is told whether there was none at first
   * @throws the signal's reason when it is aborted before; what `act` throws
   */
  async use<T>(owner: Owner, signal: AbortSignal, act: (hasWaited: boolean) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const hasWaited = this.#free === 0
    await this.#take(owner, signal)
    try {
      return await act(hasWaited)
    } finally {
      this.#giveBack()
    }
  }

  async #take(owner: Owner, signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    const queue = this.#waiting.get(owner) ?? new Set()
    this.#waiting.set(owner, queue)
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        queue.delete(begin)
        if (queue.size === 0) {
          this.#waiting.delete(owner)
        }
        reject(signal.reason)
      }
      queue.add(begin)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #giveBack(): void {
    const [turn] = this.#waiting
    if (turn === undefined) {
      this.#free += 1
      return
    }
    const [owner, queue] = turn
    const [begin] = queue
    queue.delete(begin as () => void)
    // The owner's next one comes behind those of all others
    this.#waiting.delete(owner)
    if (queue.size > 0) {
      this.#waiting.set(owner, queue)
    }
    begin?.()
  }
}
