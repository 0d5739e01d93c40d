/** The numbers r and s of ECDSA (FIPS 186-5 6.4) and their two encodings. */
import type { Curve } from './curve.ts'
import { encode } from './der-flaws.ts'
import { toBytes, toNumber } from './numbers.ts'

export interface Pair {
  readonly r: bigint
  readonly s: bigint
}

export interface NamedPair extends Pair {
  readonly name: string
}

/** r and s one after the other, each as long as the order; undefined where one of them is not so short. */
export function encodePlain({ size }: Curve, { r, s }: Pair): Buffer | undefined {
  const bytes = [r, s].map((number) => (number < 0n ? Buffer.alloc(0) : toBytes(number, size)))
  return bytes.every(({ length }) => length === size) ? Buffer.concat(bytes) : undefined
}

/** DER `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 2.2.3). */
export function encodeDer({ r, s }: Pair): Buffer {
  return encode(0x30, ...[r, s].map((number) => encode(2, encodeInteger(number))))
}

/** The reverse of `encodePlain`. */
export function decodePlain({ size }: Curve, signature: Buffer): Pair {
  return { r: toNumber(signature.subarray(0, size)), s: toNumber(signature.subarray(size)) }
}

/** Two's complement, in as few bytes as there can be (X.690 8.3). */
function encodeInteger(number: bigint): Buffer {
  const length = toBytes(number < 0n ? -number - 1n : number).length
  const bytes = toBytes(BigInt.asUintN(8 * length + 8, number), length + 1)
  const [first = 0, second = 0] = bytes
  return (first === 0 && second < 0x80) || (first === 255 && second >= 0x80) ? bytes.subarray(1) : bytes
}
