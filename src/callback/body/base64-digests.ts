import { createHash, type Hash } from 'node:crypto'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { isCanonicalBase64 } from '../base64.ts'

/** Number of characters that are decoded at once. */
const BLOCK_CHARACTERS = 65_536

/** Holds decoded bytes. All instances share it, since these are hashed before any others are decoded. */
const DECODE_BUFFER = Buffer.allocUnsafeSlow((BLOCK_CHARACTERS / 4) * 3)

/** Hashes the bytes behind base64 (RFC 4648 4) that arrives in pieces, and keeps nothing of them. */
export class Base64Digests {
  readonly #hashes: ReadonlyMap<HashAlgorithm['name'], Hash>
  #isBase64 = true
  /** The last 1 to 4 characters so far. Only the last group may be padded, and the end shows which one that is. */
  #lastGroup = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.#hashes = new Map(algorithms.map(({ name, nodeName }) => [name, createHash(nodeName)]))
  }

  /** True while the text so far can be base64; after the end, true if all of it is. */
  get isBase64(): boolean {
    return this.#isBase64
  }

  write(text: string): void {
    const given = this.#lastGroup + text
    const end = Math.floor(Math.max(given.length - 1, 0) / 4) * 4
    for (let at = 0; this.#isBase64 && at < end; at += BLOCK_CHARACTERS) {
      this.#decode(given.slice(at, Math.min(at + BLOCK_CHARACTERS, end)))
    }
    this.#lastGroup = given.slice(end)
    this.#isBase64 &&= /^[A-Za-z0-9+/=]*$/.test(this.#lastGroup)
  }

  end(): void {
    const bytes = Buffer.from(this.#lastGroup, 'base64')
    this.#isBase64 &&= isCanonicalBase64(this.#lastGroup, bytes)
    this.#update(bytes)
  }

  /** Returns the digest, once, after the end; undefined for an algorithm that the constructor was not given. */
  digest({ name }: HashAlgorithm): Buffer | undefined {
    return this.#hashes.get(name)?.digest()
  }

  /** @param groups whole groups of four characters, without the last one */
  #decode(groups: string): void {
    const bytes = DECODE_BUFFER.subarray(0, DECODE_BUFFER.write(groups, 'base64'))
    this.#isBase64 = !groups.endsWith('=') && isCanonicalBase64(groups, bytes)
    this.#update(bytes)
  }

  #update(bytes: Buffer): void {
    for (const hash of this.#hashes.values()) {
      hash.update(bytes)
    }
  }
}
