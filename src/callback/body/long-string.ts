import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { Base64Digests } from './base64-digests.ts'

/** A string of JSON (RFC 8259 7) that comes in pieces and is hashed rather than kept. */
export class LongString {
  readonly contents: Base64Digests
  #isJson = true
  /** Of an escape whose rest has not come. */
  #openEscape = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.contents = new Base64Digests(algorithms)
  }

  /** Whether what has come is the inside of a string. */
  get isJson(): boolean {
    return this.#isJson
  }

  /**
   * @param openEscape length of the escape that `bytes` end in and that they do not end
   */
  write(bytes: Buffer, openEscape: number): void {
    // What makes text JSON, or base64, is ASCII
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
      this.#isJson = false
      return ''
    }
  }
}
