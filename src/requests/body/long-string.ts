/** Reads a JSON string (RFC 8259 7) that arrives in pieces, and hashes the bytes that it is base64 of. */
import { createHash, type Hash } from 'node:crypto'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const U = 0x75

/** Number of characters of base64 that are decoded at once. */
const BLOCK_CHARACTERS = 65_536

/** Holds decoded bytes. All instances share it, since these are hashed before any others are decoded. */
const DECODE_BUFFER = Buffer.allocUnsafeSlow((BLOCK_CHARACTERS / 4) * 3)

/** Finds the end of a JSON string (RFC 8259 7) in bytes that come in chunks. */
export class StringScanner {
  /** Number of bytes that have arrived of an incomplete escape, at most 5. */
  openEscape = 0
  hasEscapes = false

  /** Returns the index of the quotation mark that ends the string, or the length of `chunk` if there is none. */
  findEnd(chunk: Buffer, from: number): number {
    const quote = chunk.indexOf(QUOTE, from)
    const end = quote === -1 ? chunk.length : quote
    // Most strings have no escapes, and the search for one byte is many times faster than a loop
    if (this.openEscape === 0 && !chunk.subarray(from, end).includes(BACKSLASH)) {
      return end
    }
    this.hasEscapes = true
    return this.#findEndBehindEscapes(chunk, from)
  }

  #findEndBehindEscapes(chunk: Buffer, from: number): number {
    let open = this.openEscape
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
    this.openEscape = open
    return at
  }
}

/** Hashes a JSON string (RFC 8259 7) that arrives in pieces, and keeps nothing of it. */
export class LongString {
  readonly contents: Base64Digests
  /** True while the pieces so far are the inside of a JSON string. */
  isJson = true
  /** The first characters of an escape whose rest has not arrived. */
  #openEscape = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.contents = new Base64Digests(algorithms)
  }

  /** @param openEscape number of bytes at the end of `bytes` that begin an escape without completing it */
  write(bytes: Buffer, openEscape: number): void {
    // All characters that matter in JSON and in base64 are ASCII
    const given = this.#openEscape + bytes.toString('latin1')
    const end = given.length - openEscape
    const text = given.slice(0, end)
    this.#openEscape = given.slice(end)
    if (text.includes('\\')) {
      this.contents.write(this.#parse(text))
    } else {
      this.contents.write(text)
      if (!this.contents.isBase64) {
        this.#parse(text)
      }
    }
  }

  #parse(text: string): string {
    try {
      return JSON.parse(`"${text}"`) as string
    } catch {
      this.isJson = false
      return ''
    }
  }
}

/** Hashes the bytes behind base64 (RFC 4648 4) that arrives in pieces, and keeps nothing of them. */
export class Base64Digests {
  readonly #hashes: ReadonlyMap<HashAlgorithm['name'], Hash>
  /** True while the text so far can be base64; after the end, true if all of it is. */
  isBase64 = true
  /** The last 1 to 4 characters so far; none at the beginning. Only the last group may be padded, and the end shows which one that is. */
  #lastGroup = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.#hashes = new Map(algorithms.map(({ name, nodeName }) => [name, createHash(nodeName)]))
  }

  write(text: string): void {
    const missing = (4 - this.#lastGroup.length) % 4
    if (text.length <= missing) {
      this.#lastGroup += text
    } else {
      // The open group is decoded by itself: V8 would copy the whole text to join it with that
      this.#decode(this.#lastGroup + text.slice(0, missing))
      const end = missing + Math.floor((text.length - missing - 1) / 4) * 4
      for (let at = missing; at < end; at += BLOCK_CHARACTERS) {
        this.#decode(text.slice(at, Math.min(at + BLOCK_CHARACTERS, end)))
      }
      this.#lastGroup = text.slice(end)
    }
    this.isBase64 &&= /^[A-Za-z0-9+/=]*$/.test(this.#lastGroup)
  }

  end(): void {
    const bytes = Buffer.from(this.#lastGroup, 'base64')
    this.isBase64 &&= isCanonicalBase64(this.#lastGroup, bytes)
    this.#update(bytes)
  }

  /** Returns the digest, once, after the end; undefined for an algorithm that the constructor was not given. */
  digest({ name }: HashAlgorithm): Buffer | undefined {
    return this.#hashes.get(name)?.digest()
  }

  /** @param groups whole groups of four characters, without the last one */
  #decode(groups: string): void {
    if (!this.isBase64 || groups === '') {
      return
    }
    const bytes = DECODE_BUFFER.subarray(0, DECODE_BUFFER.write(groups, 'base64'))
    this.isBase64 = !groups.endsWith('=') && isCanonicalBase64(groups, bytes)
    this.#update(bytes)
  }

  #update(bytes: Buffer): void {
    for (const hash of this.#hashes.values()) {
      hash.update(bytes)
    }
  }
}

/**
 * Returns whether `text` is the canonical base64 (RFC 4648 4) of `bytes`, which Node decoded: padded, in one line.
 * Node's decoder skips unknown characters, accepts the URL alphabet, and takes the low byte of letters beyond Latin-1;
 * the lengths and the last group show that.
 */
export function isCanonicalBase64(text: string, bytes: Buffer): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const lastGroup = bytes.subarray(Math.floor((bytes.length - 1) / 3) * 3)
  return (
    text.length % 4 === 0 &&
    text.length === Buffer.byteLength(text) &&
    bytes.length === (text.length / 4) * 3 - padding &&
    !text.includes('-') &&
    !text.includes('_') &&
    text.endsWith(lastGroup.toString('base64'))
  )
}
