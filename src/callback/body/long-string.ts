import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { Base64Digests } from './base64-digests.ts'

/** Hashes a JSON string (RFC 8259 7) that arrives in pieces, and keeps nothing of it. */
export class LongString {
  readonly contents: Base64Digests
  #isJson = true
  /** The first characters of an escape whose rest has not arrived. */
  #openEscape = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.contents = new Base64Digests(algorithms)
  }

  /** True while the pieces so far are the inside of a JSON string. */
  get isJson(): boolean {
    return this.#isJson
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
      this.#isJson = false
      return ''
    }
  }
}
