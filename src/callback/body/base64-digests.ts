import { createHash, type Hash } from 'node:crypto'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { isCanonicalBase64 } from '../base64.ts'

/** Characters that are decoded at once. */
const BLOCK = 65_536

/** What is decoded is hashed before anything else is decoded. */
const DECODED = Buffer.allocUnsafeSlow((BLOCK / 4) * 3)

/** Digests of what base64 (RFC 4648 4) stands for that comes in pieces, of which nothing is kept. */
export class Base64Digests {
  readonly #hashes: ReadonlyMap<HashAlgorithm['name'], Hash>
  #isBase64 = true
  /** 1 to 4 characters: the last group may be padded, and which one it is shows at the end. */
  #lastGroup = ''

  constructor(algorithms: readonly HashAlgorithm[]) {
    this.#hashes = new Map(algorithms.map(({ name, nodeName }) => [name, createHash(nodeName)]))
  }

  /** Whether what has come so far can be, and after the end whether all of it is. */
  get isBase64(): boolean {
    return this.#isBase64
  }

  write(text: string): void {
    const given = this.#lastGroup + text
    const end = Math.floor(Math.max(given.length - 1, 0) / 4) * 4
    for (let at = 0; this.#isBase64 && at < end; at += BLOCK) {
      this.#decode(given.slice(at, Math.min(at + BLOCK, end)))
    }
    this.#lastGroup = given.slice(end)
    this.#isBase64 &&= /^[A-Za-z0-9+/=]*$/.test(this.#lastGroup)
  }

  end(): void {
    const bytes = Buffer.from(this.#lastGroup, 'base64')
    this.#isBase64 &&= isCanonicalBase64(this.#lastGroup, bytes)
    this.#update(bytes)
  }

  /** To be asked once, after the end. Undefined for an algorithm that it was not made for. */
  digest({ name }: HashAlgorithm): Buffer | undefined {
    return this.#hashes.get(name)?.digest()
  }

  /** @param groups of four characters, none of them the last */
  #decode(groups: string): void {
    const bytes = DECODED.subarray(0, DECODED.write(groups, 'base64'))
    this.#isBase64 = !groups.endsWith('=') && isCanonicalBase64(groups, bytes)
    this.#update(bytes)
  }

  #update(bytes: Buffer): void {
    for (const hash of this.#hashes.values()) {
      hash.update(bytes)
    }
  }
}
