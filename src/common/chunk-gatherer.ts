/** Size of the buffer that gathers short chunks: as a buffer of its own, a chunk of one byte would take 400 bytes. */
const BUFFER_BYTES = 4_096

/** Hands on the chunks of a message, of which short ones are gathered, so that memory is proportional to bytes. */
export class ChunkGatherer {
  readonly #handOn: (bytes: Buffer) => void
  #gathered: Buffer | undefined
  #length = 0
  #isFirst = true

  /** @param handOn called with the chunks in their order; what it throws is thrown by `add` and `flush` */
  constructor(handOn: (bytes: Buffer) => void) {
    this.#handOn = handOn
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#gathered?.length ?? 0
  }

  /** Takes the next chunk. The first one is handed on as it is, since most messages have no other. */
  add(chunk: Buffer): void {
    if (this.#isFirst || chunk.length > BUFFER_BYTES / 4) {
      this.#isFirst = false
      this.flush()
      this.#handOn(chunk)
      return
    }
    if (this.#length + chunk.length > BUFFER_BYTES) {
      this.flush()
    }
    this.#gathered ??= Buffer.allocUnsafeSlow(BUFFER_BYTES)
    chunk.copy(this.#gathered, this.#length)
    this.#length += chunk.length
  }

  /** Hands on what was gathered: to be called at the end. */
  flush(): void {
    if (this.#gathered !== undefined && this.#length > 0) {
      const bytes = Buffer.from(this.#gathered.subarray(0, this.#length))
      this.#length = 0
      this.#handOn(bytes)
    }
  }

  /** Forgets what was gathered. */
  drop(): void {
    this.#gathered = undefined
    this.#length = 0
  }
}
