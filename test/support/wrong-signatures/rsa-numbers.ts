import type { Flaw } from './der-flaws.ts'
import { toBytes, toNumber } from './numbers.ts'
import type { RsaKey } from './rsa-key.ts'

/** Signatures made of a right one that are other numbers, or have other lengths, whatever the padding. */
export function wrongRsaNumbers({ modulus, size }: RsaKey, right: Buffer): Flaw[] {
  const number = toNumber(right)
  const flipped = (position: number) =>
    Buffer.from(right).fill(right.readUInt8(position) ^ 1, position, position + 1)
  return Object.entries({
    empty: Buffer.alloc(0),
    'one zero byte': Buffer.alloc(1),
    zero: Buffer.alloc(size),
    one: toBytes(1n, size),
    two: toBytes(2n, size),
    'the modulus - 1': toBytes(modulus - 1n, size),
    'the modulus': toBytes(modulus, size),
    'the modulus + 1': toBytes(modulus + 1n, size),
    'all bits set': Buffer.alloc(size, 255),
    // As long as the right one where the modulus does not fill its first byte: RFC 8017 5.2.2 has it refused
    'the right one + the modulus': toBytes(number + modulus, size),
    'the modulus - the right one': toBytes(modulus - number, size),
    'without its first byte': right.subarray(1),
    'without its last byte': right.subarray(0, -1),
    'with a zero before it': Buffer.concat([Buffer.alloc(1), right]),
    'with a zero after it': Buffer.concat([right, Buffer.alloc(1)]),
    backwards: Buffer.from(right).reverse(),
    'with a bit of its first half flipped': flipped(Math.floor(size / 4)),
    'with its last bit flipped': flipped(size - 1),
  }).map(([name, bytes]) => ({ name: `signature: ${name}`, bytes }))
}
