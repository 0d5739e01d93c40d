/** The end of a JSON string (RFC 8259 7), looked for in bytes that come in chunks. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const U = 0x75

export class StringScanner {
  #openEscape = 0

  /** Bytes of an escape that have come, while the rest of it has not: at most 5. */
  get openEscape(): number {
    return this.#openEscape
  }

  /** @returns the index of the quotation mark that ends the string, or the length of `chunk` where none does */
  findEnd(chunk: Uint8Array, from: number): number {
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
    this.#openEscape = at < chunk.length ? 0 : open
    return at
  }

  /** The same for strings that are long and have few escapes. */
  findFarEnd(chunk: Buffer): number {
    const quote = chunk.indexOf(QUOTE)
    const end = quote === -1 ? chunk.length : quote
    return this.#openEscape === 0 && !chunk.subarray(0, end).includes(BACKSLASH)
      ? end
      : this.findEnd(chunk, 0)
  }
}
