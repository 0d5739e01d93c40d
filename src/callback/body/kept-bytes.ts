const MIN_CAPACITY = 1024

/** Collects bytes in one buffer: if each piece stayed a buffer of its own, a byte could take 400. */
export class KeptBytes {
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Bytes of memory: at most twice the length, or 1 KiB. */
  get capacity(): number {
    return this.#buffer.length
  }

  /** Appends bytes. The first ones are not copied: most bodies come in one piece. */
  append(bytes: Buffer): void {
    const length = this.#length + bytes.length
    if (this.#length === 0) {
      this.#buffer = bytes
    } else {
      if (length > this.#buffer.length) {
        this.#resize(Math.max(length, 2 * this.#buffer.length, MIN_CAPACITY))
      }
      bytes.copy(this.#buffer, this.#length)
    }
    this.#length = length
  }

  /** Forgets all bytes from an index on, and gives their memory back. */
  truncate(length: number): void {
    this.#length = length
    this.#resize(length)
  }

  /** Returns a view of the bytes, which the next change may make stale. */
  view(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#length)
  }

  #resize(capacity: number): void {
    const resized = Buffer.allocUnsafeSlow(capacity)
    this.#buffer.copy(resized, 0, 0, this.#length)
    this.#buffer = resized
  }
}
