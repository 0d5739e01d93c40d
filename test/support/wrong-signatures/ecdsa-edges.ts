/** Pairs that are right for keys of their own, and that no chance brings about. */
import { randomBytes } from 'node:crypto'
import type { Curve, Point } from './curve.ts'
import type { NamedPair, Pair } from './ecdsa-pairs.ts'
import { invert, reduce, toNumber } from './numbers.ts'

export interface EdgePair extends NamedPair {
  /** The public key. */
  readonly point: Point
}

/** @param e number that the digest is taken for, below the order or not */
export function edgePairs(curve: Curve, e: bigint): EdgePair[] {
  const { order } = curve
  const any = () => anyNumber(curve)
  const chance = curve.multipleOfGenerator(any())
  const small = curve.pointFrom(1n)
  const beyond = curve.pointFrom(order + 1n)
  const last = curve.pointFrom(order - 1n, false)
  const ofPoint = (name: string, point: Point, sOf: (r: bigint) => bigint): EdgePair => {
    const r = reduce(point.x, order)
    const s = sOf(r)
    return { name, r, s, point: recover(curve, e, point, s) }
  }
  const ofKey = (name: string, key: bigint, nonce: bigint): EdgePair => {
    const r = reduce(curve.multipleOfGenerator(nonce).x, order)
    const s = reduce(invert(nonce, order) * (e + r * key), order)
    return { name, r, s, point: curve.multipleOfGenerator(key) }
  }
  return [
    ofPoint('s is 1', chance, () => 1n),
    ofPoint('s is the order - 1', chance, () => order - 1n),
    ofPoint('s is half the order', chance, () => order >> 1n),
    ofPoint('s begins with zeros', chance, () => 2n ** 64n),
    ofPoint('s begins with zeros, and then a sign', chance, () => 0x80n << 64n),
    ofPoint('s is r', chance, (r) => r),
    ofPoint('s is -r', chance, (r) => order - r),
    ofPoint('s is the digest', chance, () => reduce(e, order)),
    ofPoint('s is minus the digest', chance, () => reduce(-e, order)),
    ofPoint('r is small', small, any),
    ofPoint('r and s are small', small, () => 3n),
    ofPoint('r is large', last, any),
    ofPoint('r and s are large', last, () => order - 2n),
    ofPoint('x of the point is beyond the order', beyond, any),
    ofKey('the nonce is 1', any(), 1n),
    ofKey('the nonce is the order - 1', any(), order - 1n),
    ofKey('the key is 1', 1n, any()),
    ofKey('the key is the order - 1', order - 1n, any()),
    ofKey('the key is 2', 2n, any()),
  ]
}

/** A pair that is right for its key where the digest is taken for this number. */
export function pairOver(curve: Curve, e: bigint): Pair & { readonly point: Point } {
  const chance = curve.multipleOfGenerator(anyNumber(curve))
  const s = anyNumber(curve)
  return { r: reduce(chance.x, curve.order), s, point: recover(curve, e, chance, s) }
}

/** Numbers that a digest is to be taken for (FIPS 186-5 6.4.1), and that it is not. */
export function digestNumbers({ order }: Curve, digest: Buffer): { right: bigint; wrong: bigint[] } {
  const whole = toNumber(digest)
  const surplus = BigInt(8 * digest.length - order.toString(2).length)
  const right = surplus > 0n ? whole >> surplus : whole
  const other = surplus > 0n ? whole % 2n ** (BigInt(8 * digest.length) - surplus) : whole << -surplus
  const wrong = [
    right + 1n,
    right - 1n,
    right >> 1n,
    right << 1n,
    other,
    whole,
    toNumber(digest.toReversed()),
  ]
  return { right, wrong: wrong.filter((number) => number !== right) }
}

function anyNumber({ order, size }: Curve): bigint {
  return 1n + (toNumber(randomBytes(size + 8)) % (order - 1n))
}

/** The public key with which s is right for this number and a nonce of this point: (sR - eG) / r. */
function recover(curve: Curve, e: bigint, point: Point, s: bigint): Point {
  const { order } = curve
  const inverse = invert(point.x, order)
  return curve.add(
    curve.multiply(reduce(s * inverse, order), point),
    curve.multipleOfGenerator(reduce(-e * inverse, order)),
  )
}
