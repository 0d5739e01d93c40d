import { randomBytes } from 'node:crypto'
import type { HashAlgorithm } from '../../signature/hash-algorithms.ts'
import { MAX_MESSAGE_LENGTH } from '../message-length.ts'
import type { Base64Digests } from './base64-digests.ts'
import { LongString } from './long-string.ts'
import { StringScanner } from './string-scanner.ts'

/**
 * Bytes that a string of the body may have and be kept whole: base64 of the longest message that is ever needed whole,
 * though each character were an escape of six bytes.
 */
export const LONG = 6 * 4 * Math.ceil(MAX_MESSAGE_LENGTH / 3)

/** Characters of a mark. */
export const MARK_LENGTH = 32

const QUOTE = 0x22

/** What is known when a long string begins. */
export interface Before {
  /** The fields before it. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The one that it is the value of. */
  readonly field: string
}

/** @param before undefined where it cannot be told, as the string stands deeper or there is too much before it */
export type ChooseAlgorithms = (before: Before | undefined) => readonly HashAlgorithm[]

/**
 * The text of a body, of whose long strings only the beginnings are kept, each with a mark behind it, and digests of
 * what they are base64 of. It is JSON where the body is. Nothing else is known here of what JSON may be: JSON.parse
 * judges, and of two fields of one name takes the last.
 */
export class BodyText {
  /** Contents of long strings, by the marks that stand in the text for them. */
  readonly contents = new Map<string, Base64Digests>()
  readonly #choose: ChooseAlgorithms
  readonly #longest: number
  readonly #scanner = new StringScanner()
  readonly #kept: Buffer[] = []
  #length = 0
  #inString = false
  /** Where the string begins that is looked at: a piece that is kept, an index in it, and an index in the text. */
  #start = { piece: 0, index: 0, position: 0 }
  #long: LongString | undefined
  /** Stands in the text for the one that is being read. Nobody can guess it. */
  #mark = ''

  /** @param long bytes that a string may have and be kept whole */
  constructor(choose: ChooseAlgorithms, long = LONG) {
    this.#choose = choose
    this.#longest = long
  }

  /** Bytes that are kept. */
  get length(): number {
    return this.#length
  }

  write(chunk: Buffer): void {
    if (this.#long === undefined) {
      this.#writeKept(chunk)
    } else {
      this.#writeLong(this.#long, chunk)
    }
  }

  /** At the end. */
  toString(): string {
    return Buffer.concat(this.#kept).toString()
  }

  #writeKept(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#scanner.findEnd(chunk, at)
        this.#inString = at === chunk.length
      } else if (chunk[at] === QUOTE) {
        this.#inString = true
        this.#start = { piece: this.#kept.length, index: at, position: this.#length + at }
      }
      at++
    }
    this.#keep(chunk)
    // Not amid an escape: it would end in the mark
    if (
      this.#inString &&
      this.#length - this.#start.position > this.#longest &&
      this.#scanner.openEscape === 0
    ) {
      this.#stopKeeping()
    }
  }

  #stopKeeping(): void {
    const { piece, index } = this.#start
    this.#mark = randomBytes(MARK_LENGTH / 2).toString('hex')
    this.#long = new LongString(this.#choose(this.#before(this.#mark)))
    this.#long.write(Buffer.concat(this.#kept.slice(piece)).subarray(index + 1), 0)
  }

  #writeLong(long: LongString, chunk: Buffer): void {
    const end = this.#scanner.findFarEnd(chunk)
    long.write(chunk.subarray(0, end), this.#scanner.openEscape)
    if (end < chunk.length) {
      long.contents.end()
      this.contents.set(this.#mark, long.contents)
      // What is no JSON shall not become it by being left out: a line break makes it none again
      this.#keep(Buffer.from(long.isJson ? `${this.#mark}"` : '\n"'))
      this.#long = undefined
      this.#inString = false
      this.#writeKept(chunk.subarray(end + 1))
    }
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(bytes)
    this.#length += bytes.length
  }

  #before(mark: string): Before | undefined {
    const { piece, position } = this.#start
    if (position > this.#longest) {
      return undefined
    }
    const text = Buffer.concat(this.#kept.slice(0, piece + 1)).toString('utf8', 0, position)
    try {
      const fields = JSON.parse(`${text}"${mark}"}`) as Before['fields']
      return { fields, field: Object.keys(fields).find((name) => fields[name] === mark) as string }
    } catch {
      return undefined
    }
  }
}
