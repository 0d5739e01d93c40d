type Owner = string | undefined

/**
 * Places for what is under way at the same time. Those that wait for one get it in the turns of their owners, with one in each, so
 * that one who asks for much keeps nobody waiting.
 */
export class Places {
  readonly #count: number
  #free: number
  /** Functions that begin what waits, in the order in which it came, keyed by owner. The owner whose turn is next comes first. */
  readonly #waiting = new Map<Owner, Set<() => void>>()

  constructor(count: number) {
    this.#count = count
    this.#free = count
  }

  /** Returns how many rounds of all places end before an owner's next one begins. */
  roundsBefore(owner: Owner): number {
    const own = this.#waiting.get(owner)?.size ?? 0
    const others = [...this.#waiting].filter(([other]) => other !== owner)
    // Each of the others has as many turns before it as the owner himself, if he wants as many
    const ahead = others.reduce((sum, [, { size }]) => sum + Math.min(size, own + 1), own)
    return this.#free > 0 ? 0 : (ahead + 1) / this.#count
  }

  /**
   * Acts once there is a place, which it keeps until it has ended.
   *
   * @throws the signal's reason when it is aborted before; what `act` throws
   */
  async use<T>(owner: Owner, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    await this.#take(owner, signal)
    try {
      return await act()
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
