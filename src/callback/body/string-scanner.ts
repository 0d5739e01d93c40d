const QUOTE = 0x22
const BACKSLASH = 0x5c
const U = 0x75

/** Finds the end of a JSON string (RFC 8259 7) in bytes that come in chunks. */
export class StringScanner {
  #openEscape = 0
  #hasEscapes = false

  /** Number of bytes that have arrived of an incomplete escape, at most 5. */
  get openEscape(): number {
    return this.#openEscape
  }

  get hasEscapes(): boolean {
    return this.#hasEscapes
  }

  begin(): void {
    this.#openEscape = 0
    this.#hasEscapes = false
  }

  /** Returns the index of the quotation mark that ends the string, or the length of `chunk` if there is none. */
  findEnd(chunk: Buffer, from: number): number {
    const quote = chunk.indexOf(QUOTE, from)
    const end = quote === -1 ? chunk.length : quote
    // Most strings have no escapes, and the search for one byte is many times faster than a loop
    if (this.#openEscape === 0 && !chunk.subarray(from, end).includes(BACKSLASH)) {
      return end
    }
    this.#hasEscapes = true
    return this.#findEndBehindEscapes(chunk, from)
  }

  #findEndBehindEscapes(chunk: Buffer, from: number): number {
    let open = this.#openEscape
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at]
      if (open === 0) {
        if (byte === QUOTE) {
          break
        }
        open = byte === BACKSLASH ? 1 : 0
      } else if (open === 1) {
        open = byte === U ? 2 : 0
      } else {
        open = open === 5 ? 0 : open + 1
      }
    }
    this.#openEscape = open
    return at
  }
}
