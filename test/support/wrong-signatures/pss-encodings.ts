/** Encoded messages of EMSA-PSS (RFC 8017 9.1.1), and what is none. */
import { createHash, randomBytes } from 'node:crypto'
import { toBytes, toNumber } from './numbers.ts'
import type { RsaKey } from './rsa-key.ts'

export interface PssEncoding {
  /** node:crypto's spelling. */
  readonly hash: string
  readonly message: Uint8Array
  readonly salt: Uint8Array
  /** Of MGF1; the same by default. */
  readonly maskHash?: string
  /** Number with which MGF1 begins to count. */
  readonly counter?: number
  /** Makes of the mask another. */
  readonly changeMask?: (mask: Buffer) => Buffer
  /** What is hashed with the salt: eight zeros and the digest. */
  readonly hashed?: (digest: Buffer, salt: Uint8Array) => readonly Uint8Array[]
  /** Makes of that hash another. */
  readonly changeHash?: (hash: Buffer) => Buffer
  /** Of all before the salt: zeros and 1. */
  readonly changePadding?: (padding: Buffer) => Buffer
  readonly trailer?: readonly number[]
}

/** A number below 2^(bits - 1). */
export function encodePss({ bits }: RsaKey, encoding: PssEncoding): bigint {
  const { hash, message, salt, maskHash = hash, counter = 0, trailer = [0xbc] } = encoding
  const same = (bytes: Buffer) => bytes
  const { changeMask = same, changeHash = same, changePadding = same, hashed = withZeros } = encoding
  const digest = createHash(hash).update(message).digest()
  const digestOfAll = createHash(hash)
    .update(Buffer.concat(hashed(digest, salt)))
    .digest()
  const seed = changeHash(digestOfAll)
  const length = Math.ceil((bits - 1) / 8) - seed.length - trailer.length
  const padding = changePadding(toBytes(1n, length - salt.length))
  const block = toNumber(Buffer.concat([padding, salt]))
  const masked = block ^ toNumber(changeMask(mask(maskHash, seed, length, counter)))
  // Bits above those of the modulus but one are zeros
  const behind = toNumber(Buffer.concat([seed, Buffer.from(trailer)]))
  const shift = BigInt(8 * (seed.length + trailer.length))
  return BigInt.asUintN(bits - 1, (masked << shift) | behind)
}

/** One with the bit above its highest set, and below the modulus: RFC 8017 9.1.2, step 6. */
export function encodeTooLong(key: RsaKey, encoding: PssEncoding): bigint {
  const number = encodePss(key, encoding) | (1n << BigInt(key.bits - 1))
  return number < key.modulus
    ? number
    : encodeTooLong(key, { ...encoding, salt: randomBytes(encoding.salt.length) })
}

export function withZeros(digest: Buffer, salt: Uint8Array): readonly Uint8Array[] {
  return [Buffer.alloc(8), digest, salt]
}

/** MGF1 (RFC 8017 B.2.1). */
function mask(hash: string, seed: Buffer, length: number, counter: number): Buffer {
  let bytes = Buffer.alloc(0)
  for (let index = counter; bytes.length < length; index += 1) {
    const block = createHash(hash)
      .update(seed)
      .update(toBytes(BigInt(index), 4))
    bytes = Buffer.concat([bytes, block.digest()])
  }
  return bytes.subarray(0, length)
}
