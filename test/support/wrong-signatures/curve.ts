/** Points of the curves of FIPS 186-5, for signatures that no implementation would come upon by chance. */
import { createECDH, createPublicKey, type KeyObject } from 'node:crypto'
import { invert, power, reduce, toBytes, toNumber } from './numbers.ts'

export interface Point {
  readonly x: bigint
  readonly y: bigint
}

/** y² = x³ - 3x + b (SP 800-186 3.2.1). */
export class Curve {
  /** Of NIST. */
  readonly name: string
  /** Of the field. */
  readonly prime: bigint
  /** Of the generator. */
  readonly order: bigint
  /** Bytes of a coordinate, and of the order. */
  readonly size: number
  readonly #nodeName: string
  readonly #b: bigint

  constructor(name: string, nodeName: string, prime: bigint, order: bigint) {
    this.name = name
    this.prime = prime
    this.order = order
    this.size = toBytes(prime).length
    this.#nodeName = nodeName
    const { x, y } = this.multipleOfGenerator(1n)
    this.#b = reduce(y ** 2n - x ** 3n + 3n * x, prime)
  }

  /** @param factor from 1, below the order */
  multipleOfGenerator(factor: bigint): Point {
    const ecdh = createECDH(this.#nodeName)
    ecdh.setPrivateKey(toBytes(factor, this.size))
    const point = ecdh.getPublicKey()
    const at = (start: number) => toNumber(point.subarray(start, start + this.size))
    return { x: at(1), y: at(1 + this.size) }
  }

  /** The first point whose x is not below a number; upwards, or else downwards. */
  pointFrom(x: bigint, upwards = true): Point {
    const square = reduce(x ** 3n - 3n * x + this.#b, this.prime)
    // All of these primes leave 3 when they are divided by 4
    const y = power(square, (this.prime + 1n) / 4n, this.prime)
    return reduce(y ** 2n, this.prime) === square
      ? { x, y }
      : this.pointFrom(upwards ? x + 1n : x - 1n, upwards)
  }

  /** @param factor from 1, below the order */
  multiply(factor: bigint, point: Point): Point {
    const [, ...bits] = factor.toString(2)
    return bits.reduce((sum, bit) => {
      const double = this.add(sum, sum)
      return bit === '1' ? this.add(double, point) : double
    }, point)
  }

  /** Of points whose sum is one. */
  add(one: Point, other: Point): Point {
    const [rise, run] =
      one.x === other.x ? [3n * one.x ** 2n - 3n, 2n * one.y] : [other.y - one.y, other.x - one.x]
    const slope = reduce(rise * invert(run, this.prime), this.prime)
    const x = reduce(slope ** 2n - one.x - other.x, this.prime)
    return { x, y: reduce(slope * (one.x - x) - one.y, this.prime) }
  }

  publicKey({ x, y }: Point): KeyObject {
    const coordinate = (number: bigint) => toBytes(number, this.size).toString('base64url')
    const key = { kty: 'EC', crv: this.name, x: coordinate(x), y: coordinate(y) }
    return createPublicKey({ key, format: 'jwk' })
  }
}

export const CURVES: readonly Curve[] = [
  new Curve(
    'P-256',
    'prime256v1',
    2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ),
  new Curve(
    'P-384',
    'secp384r1',
    2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    2n ** 384n - 0x389cb27e0bc8d220a7e5f24db74f58851313e695333ad68dn,
  ),
  new Curve(
    'P-521',
    'secp521r1',
    2n ** 521n - 1n,
    2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
  ),
]
