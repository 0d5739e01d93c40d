import { randomUUID } from 'node:crypto'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { countBytes } from '../../common/count-bytes.ts'
import { freeBuffer } from '../../common/free-buffer.ts'
import { PAYLOAD_TOO_LARGE } from '../../errors.ts'
import { type Base64Digests, LongString, StringScanner } from './long-string.ts'

/** Most bytes of a message that are kept to verify its signature. Document Engine's signed attributes have fewer. */
export const MAX_MESSAGE_LENGTH = 65_536

/** Most characters of a string that is kept whole: the base64 of the longest message that is ever needed whole. */
const MAX_WHOLE_STRING = 4 * Math.ceil(MAX_MESSAGE_LENGTH / 3)

/** Most bytes of a document that is kept whole, and of what precedes it. */
const MAX_WHOLE_DOCUMENT = 8_192

/**
 * Most bytes of a longer document that are kept: they show whether it is signed attributes, whose type and digest come first. So few that
 * any number of documents can arrive at the same time.
 */
const KEPT_OF_LONG_DOCUMENT = 1_024

/** Bytes of the longest escape, such as \u0041. */
const LONGEST_ESCAPE = 6

/** Most bytes of a longer string that are kept: 16,384 characters of a signing token are read, and all may be escapes. */
const KEPT_OF_LONG_STRING = LONGEST_ESCAPE * 16_384

/** Most bytes that a body may have beside the rest of long strings. All of them are in memory and parsed at once. */
const MAX_KEPT = 2 * LONGEST_ESCAPE * MAX_WHOLE_STRING

/**
 * Most strings and punctuators that a body may have, of which requests have some 50: JSON.parse takes less than 1 ms for them, and what
 * it makes of them some 50 kB, which hundreds of requests hold while they wait. Without this limit, 1 MB of them would stop every other
 * request for a quarter of a second and take 40 MB.
 */
const MAX_TOKENS = 2_048

/**
 * Most bytes that a body may have outside of its strings, which is a hundred times what requests have, indented or not. Each is looked
 * at by itself, which takes five times as long as hashing it.
 */
const MAX_OUTSIDE = 32_768

/** Bytes for which JSON.parse takes a fraction of a millisecond. */
const FEW_BYTES = 131_072

const LIMITS = {
  long: MAX_WHOLE_STRING,
  beginning: KEPT_OF_LONG_STRING,
  document: MAX_WHOLE_DOCUMENT,
  documentBeginning: KEPT_OF_LONG_DOCUMENT,
}

/** Length of a mark, in characters. */
export const MARK_LENGTH = 32

const QUOTE = 0x22

/** Punctuators of JSON (RFC 8259 2) by their octets. */
const PUNCTUATORS = new Uint8Array(256)
for (const punctuator of Buffer.from('{}[]:,')) {
  PUNCTUATORS[punctuator] = 1
}

/** The part of a body that precedes a long string. */
export interface PrecedingFields {
  readonly fields: Readonly<Record<string, unknown>>
  /** Name of the field whose value the long string is. */
  readonly field: string
}

/**
 * Chooses how a long string is hashed.
 *
 * @param before undefined if it is not known, because the string stands deeper or too much precedes it
 * @throws PAYLOAD_TOO_LARGE for a request that has no use for it
 */
export type ChooseAlgorithms = (before: PrecedingFields | undefined) => readonly HashAlgorithm[]

/**
 * Collects the text of a body. A long string is cut short and ends in a mark, while the bytes that it is base64 of are
 * hashed. The text is valid JSON exactly if the body is, which JSON.parse decides.
 */
export class BodyText {
  /** Digests of long strings, keyed by the marks that stand in the text for them. */
  readonly contents = new Map<string, Base64Digests>()
  /** Number of bytes that are kept. */
  length = 0
  readonly #choose: ChooseAlgorithms
  readonly #documents: readonly string[]
  readonly #limits: typeof LIMITS
  #scanner = new StringScanner()
  readonly #kept: Buffer[] = []
  /** Number of pieces in `#kept` that were scanned. */
  #scanned = 0
  #tokens = 0
  /** Bytes outside of strings. */
  #outside = 0
  #inString = false
  /** Start of the latest string: a piece in `#kept`, an index in it, and an index in the text. */
  #start = { piece: 0, index: 0, position: 0 }
  /** Whether the latest string is a document; undefined while it is short, or not known yet. */
  #isDocument: boolean | undefined
  #long: LongString | undefined
  /** Stands in the text for the long string that is being read. It is random, so that no caller can send it. */
  #mark = ''

  /**
   * @param documents names of the fields of which a long string is hashed, and otherwise not read
   * @param limits most characters of a string that is kept whole, bytes that are kept of a longer one, and the same of a
   *   document
   */
  constructor(choose: ChooseAlgorithms, documents: readonly string[], limits = LIMITS) {
    this.#choose = choose
    this.#documents = documents
    this.#limits = limits
  }

  /** True if parsing the text takes so little time that other requests need not go first. */
  get isQuicklyParsed(): boolean {
    return this.length <= FEW_BYTES
  }

  /**
   * Writes the next chunk, and frees its memory unless it is refused.
   *
   * @throws PAYLOAD_TOO_LARGE if more would have to be kept than any request needs
   */
  write(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      rest = this.#long === undefined ? this.#writeKept(rest) : this.#writeLong(this.#long, rest)
    }
    freeBuffer(chunk)
  }

  /** Returns the text, in which long strings are cut short. */
  toString(): string {
    return concat(this.#kept).toString()
  }

  /** Frees what is kept. Nothing can be written or read afterwards. */
  free(): void {
    this.#kept.splice(0).forEach(freeBuffer)
  }

  /** Returns the rest of a chunk: a string is found to be long at its first byte too many, wherever the chunk ends. */
  #writeKept(chunk: Buffer): Buffer {
    // Another string may begin in them, behind the end of an open one
    const most = Math.min(this.#longest() - this.#lengthOfOpen(), this.#limits.long)
    const bytes = chunk.subarray(0, most + 1)
    this.#keep(bytes)
    if (this.length > MAX_KEPT) {
      throw new PAYLOAD_TOO_LARGE(`The body has more than ${MAX_KEPT} bytes beside the contents to sign`)
    }
    // Fewer bytes hold neither too many tokens nor a long string, so that most bodies need no scan
    if (this.length > Math.min(MAX_TOKENS, this.#limits.document)) {
      this.#scan()
    }
    if (this.#inString && this.#lengthOfOpen() > this.#limits.document) {
      this.#isDocument ??= this.#startsDocument()
    }
    if (this.#inString && this.#lengthOfOpen() > this.#longest()) {
      this.#beginLong()
    }
    return chunk.subarray(bytes.length)
  }

  /** Returns how many bytes a string may have that is kept whole. */
  #longest(): number {
    // Until a string is known to be none, it may be a document
    if (!this.#inString || this.#isDocument !== false) {
      return this.#limits.document
    }
    return (this.#scanner.hasEscapes ? LONGEST_ESCAPE : 1) * this.#limits.long
  }

  /** Returns whether the latest string is a document. Of several the first one counts: no request has two. */
  #startsDocument(): boolean {
    const before =
      this.contents.size === 0 && this.#start.position <= this.#limits.document
        ? this.#before(createMark())
        : undefined
    return before !== undefined && this.#documents.includes(before.field)
  }

  /** Returns the length of the string that is being read, or how long it may be if that was not scanned yet. */
  #lengthOfOpen(): number {
    // The quotation mark that begins the string does not count; the one that ends it has not come
    return this.#inString
      ? this.length - this.#start.position - 1
      : countBytes(this.#kept.slice(this.#scanned))
  }

  /** Keeps a copy in memory of its own: a part of a chunk, or of the pool of Node.js, would hold all of that. */
  #keep(bytes: Buffer): void {
    const copy = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(copy)
    this.#kept.push(copy)
    this.length += bytes.length
  }

  #scan(): void {
    const pieces = this.#kept.slice(this.#scanned)
    let position = this.length - countBytes(pieces)
    for (const bytes of pieces) {
      this.#scanPiece(bytes, position)
      position += bytes.length
      this.#scanned += 1
    }
  }

  #scanPiece(bytes: Buffer, position: number): void {
    for (let at = 0; at < bytes.length; at++) {
      if (this.#inString) {
        at = this.#scanner.findEnd(bytes, at)
        this.#inString = at === bytes.length
      } else if (bytes[at] === QUOTE) {
        this.#inString = true
        this.#scanner = new StringScanner()
        this.#start = { piece: this.#scanned, index: at, position: position + at }
        this.#isDocument = undefined
        this.#countTokens(1)
      } else {
        this.#countTokens(PUNCTUATORS[bytes[at] as number] as number)
        this.#outside += 1
        if (this.#outside > MAX_OUTSIDE) {
          throw new PAYLOAD_TOO_LARGE(`The body has more than ${MAX_OUTSIDE} bytes outside of strings`)
        }
      }
    }
  }

  #countTokens(more: number): void {
    this.#tokens += more
    if (this.#tokens > MAX_TOKENS) {
      throw new PAYLOAD_TOO_LARGE(`The body has more than ${MAX_TOKENS} names, values and punctuators`)
    }
  }

  #beginLong(): void {
    const { piece, index, position } = this.#start
    this.#mark = createMark()
    this.#long = new LongString(this.#choose(this.#before(this.#mark)))
    const pieces = this.#kept.splice(piece)
    const bytes = concat(pieces)
    const string = bytes.subarray(index + 1)
    this.#long.write(string, this.#scanner.openEscape)
    const { beginning: most, documentBeginning } = this.#limits
    const beginning = string.subarray(0, this.#isDocument ? documentBeginning : most)
    // The beginning must not end amid an escape, which would swallow part of the mark
    const scanner = new StringScanner()
    scanner.findEnd(beginning, 0)
    this.length = position - index
    this.#keep(bytes.subarray(0, index + 1 + beginning.length - scanner.openEscape))
    pieces.forEach(freeBuffer)
  }

  /** Returns the rest of a chunk, behind the string. */
  #writeLong(long: LongString, chunk: Buffer): Buffer {
    const end = this.#scanner.findEnd(chunk, 0)
    long.write(chunk.subarray(0, end), this.#scanner.openEscape)
    if (end < chunk.length) {
      long.contents.end()
      this.contents.set(this.#mark, long.contents)
      // Leaving out what is no JSON must not make the text JSON: a line break keeps it invalid
      this.#keep(Buffer.from(long.isJson ? `${this.#mark}"` : '\n"'))
      this.#scanned = this.#kept.length
      this.#long = undefined
      this.#inString = false
    }
    return chunk.subarray(end + 1)
  }

  #before(mark: string): PrecedingFields | undefined {
    const { piece, index, position } = this.#start
    if (position > LONGEST_ESCAPE * this.#limits.long) {
      return undefined
    }
    const last = (this.#kept[piece] as Buffer).subarray(0, index)
    const text = concat([...this.#kept.slice(0, piece), last]).toString()
    try {
      const fields = JSON.parse(`${text}"${mark}"}`) as PrecedingFields['fields']
      return { fields, field: Object.keys(fields).find((name) => fields[name] === mark) as string }
    } catch {
      return undefined
    }
  }
}

/** Returns the error for a request for certificates with a long string, whichever of the two was read first. */
export function certificatesTooLarge(): Error {
  return new PAYLOAD_TOO_LARGE(
    `The body has contents of more than ${MAX_WHOLE_DOCUMENT} characters, or another string of more than ${MAX_WHOLE_STRING}, ` +
      'which get_certificates has no use for',
  )
}

/** Creates a mark, which no caller can have sent. */
function createMark(): string {
  // Node.js draws random octets for many of them at once
  return randomUUID().replaceAll('-', '')
}

/** Joins pieces. A body of some kilobytes comes in one piece, which need not be copied. */
function concat(pieces: readonly Buffer[]): Buffer {
  const [only, second] = pieces
  return only !== undefined && second === undefined ? only : Buffer.concat(pieces)
}
