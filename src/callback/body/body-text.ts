import { randomBytes } from 'node:crypto'
import { PAYLOAD_TOO_LARGE } from '../../errors.ts'
import type { HashAlgorithm } from '../../signature/hash-algorithms.ts'
import { MAX_MESSAGE_LENGTH } from '../message-length.ts'
import type { Base64Digests } from './base64-digests.ts'
import { KeptBytes } from './kept-bytes.ts'
import { LongString } from './long-string.ts'
import { StringScanner } from './string-scanner.ts'

/**
 * Bytes that a string of the body may have and be kept whole: base64 of the longest message that is ever needed whole,
 * though each character were an escape of six bytes.
 */
const LONG = 6 * 4 * Math.ceil(MAX_MESSAGE_LENGTH / 3)

/** Bytes of a longer string that are kept: signing tokens are read as far as 16,384 characters, maybe all escapes. */
const BEGINNING = 6 * 16_384

/** Bytes that a body may have beside the rest of long strings. All of them are in memory, and are parsed at once. */
const MAX_KEPT = 4 * LONG

/**
 * Strings and punctuators that a body may have: JSON.parse takes 5 ms for them at most. 2 MB of nothing else would stop
 * every other request for half a second and take 80 MB.
 */
const MAX_TOKENS = 16_384

/** Characters of a mark. */
export const MARK_LENGTH = 32

const QUOTE = 0x22

/** Punctuators of JSON (RFC 8259 2) by their octets. */
const PUNCTUATORS = new Uint8Array(256)
for (const punctuator of Buffer.from('{}[]:,')) {
  PUNCTUATORS[punctuator] = 1
}

/** What is known when a long string begins. */
export interface Before {
  /** The fields before it. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The one that it is the value of. */
  readonly field: string
}

/** @param before undefined where it cannot be told, as the string stands deeper or there is too much before it */
export type ChooseAlgorithms = (before: Before | undefined) => readonly HashAlgorithm[]

export interface TextLimits {
  /** Bytes that a string may have and be kept whole. */
  readonly long: number
  /** Bytes of a longer one that are kept, fewer than `long`. */
  readonly beginning: number
}

/**
 * The text of a body. Of its long strings only the beginnings are kept, each with a mark behind it, and digests of
 * what they are base64 of. It is JSON where the body is. Nothing else is known here of what JSON may be: JSON.parse
 * judges.
 */
export class BodyText {
  /** Contents of long strings, by the marks that stand in the text for them. */
  readonly contents = new Map<string, Base64Digests>()
  readonly #choose: ChooseAlgorithms
  readonly #limits: TextLimits
  readonly #scanner = new StringScanner()
  readonly #kept = new KeptBytes()
  /** Bytes of those kept that the scan has passed. */
  #scanned = 0
  #tokens = 0
  #inString = false
  /** Index in the kept bytes of the quotation mark that began the latest string. */
  #start = 0
  #long: LongString | undefined
  /** Stands in the text for the one that is being read. Nobody can guess it. */
  #mark = ''

  constructor(choose: ChooseAlgorithms, limits: TextLimits = { long: LONG, beginning: BEGINNING }) {
    this.#choose = choose
    this.#limits = limits
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#kept.capacity
  }

  /** @throws PAYLOAD_TOO_LARGE when more had to be kept than any request needs */
  write(chunk: Buffer): void {
    if (this.#long === undefined) {
      this.#writeKept(chunk)
    } else {
      this.#writeLong(this.#long, chunk)
    }
  }

  /** Returns the text of all that was written. */
  toString(): string {
    return this.#kept.view().toString()
  }

  #writeKept(chunk: Buffer): void {
    this.#kept.append(chunk)
    if (this.#kept.length > MAX_KEPT) {
      throw new PAYLOAD_TOO_LARGE(`The body has more than ${MAX_KEPT} bytes beside the contents to sign`)
    }
    // Fewer bytes are neither too many tokens nor a long string: most bodies are not looked into
    if (this.#kept.length > Math.min(MAX_TOKENS, this.#limits.long)) {
      this.#scan()
    }
    // Not amid an escape: it would end in what comes next
    if (
      this.#inString &&
      this.#kept.length - this.#start > this.#limits.long &&
      this.#scanner.openEscape === 0
    ) {
      this.#beginLong()
    }
  }

  #scan(): void {
    const bytes = this.#kept.view()
    let at = this.#scanned
    while (at < bytes.length) {
      if (this.#inString) {
        at = this.#scanner.findEnd(bytes, at)
        this.#inString = at === bytes.length
      } else if (bytes[at] === QUOTE) {
        this.#inString = true
        this.#start = at
        this.#countTokens(1)
      } else {
        this.#countTokens(PUNCTUATORS[bytes[at] as number] as number)
      }
      at++
    }
    this.#scanned = bytes.length
  }

  #countTokens(more: number): void {
    this.#tokens += more
    if (this.#tokens > MAX_TOKENS) {
      throw new PAYLOAD_TOO_LARGE(`The body has more than ${MAX_TOKENS} names, values and punctuators`)
    }
  }

  #beginLong(): void {
    this.#mark = randomBytes(MARK_LENGTH / 2).toString('hex')
    this.#long = new LongString(this.#choose(this.#before(this.#mark)))
    const string = this.#kept.view(this.#start + 1)
    this.#long.write(string, 0)
    const beginning = string.subarray(0, this.#limits.beginning)
    const scanner = new StringScanner()
    scanner.findEnd(beginning, 0)
    this.#kept.truncate(this.#start + 1 + beginning.length - scanner.openEscape)
  }

  #writeLong(long: LongString, chunk: Buffer): void {
    const end = this.#scanner.findEnd(chunk, 0)
    long.write(chunk.subarray(0, end), this.#scanner.openEscape)
    if (end < chunk.length) {
      long.contents.end()
      this.contents.set(this.#mark, long.contents)
      // What is no JSON shall not become it by being left out: a line break makes it none again
      this.#kept.append(Buffer.from(long.isJson ? `${this.#mark}"` : '\n"'))
      this.#scanned = this.#kept.length
      this.#long = undefined
      this.#inString = false
      this.#writeKept(chunk.subarray(end + 1))
    }
  }

  #before(mark: string): Before | undefined {
    if (this.#start > this.#limits.long) {
      return undefined
    }
    const text = this.#kept.view().toString('utf8', 0, this.#start)
    try {
      const fields = JSON.parse(`${text}"${mark}"}`) as Before['fields']
      return { fields, field: Object.keys(fields).find((name) => fields[name] === mark) as string }
    } catch {
      return undefined
    }
  }
}
