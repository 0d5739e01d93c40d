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
  const small = curve.pointFrom(1n)
  const beyond = curve.pointFrom(order + 1n)
  const last = curve.pointFrom(order - 1n, false)
  const ofPoint = (name: string, point: Point, sOf: (r: bigint) => bigint): EdgePair => {
    const r = reduce(point.x, order)
    const s = sOf(r)
    return { name, r, s, point: recover(curve, e, point, s) }
  }
  const ofChance = (name: string, sOf: (r: bigint) => bigint): EdgePair => ({
    name,
    ...pairOfNonce(curve, e, any(), sOf),
  })
  const ofKey = (name: string, key: bigint, nonce: bigint): EdgePair => {
    const r = reduce(curve.multipleOfGenerator(nonce).x, order)
    const s = reduce(invert(nonce, order) * (e + r * key), order)
    return { name, r, s, point: curve.multipleOfGenerator(key) }
  }
  return [
    ofChance('s is 1', () => 1n),
    ofChance('s is the order - 1', () => order - 1n),
    ofChance('s is half the order', () => order >> 1n),
    ofChance('s begins with zeros', () => 2n ** 64n),
    ofChance('s begins with zeros, and then a sign', () => 0x80n << 64n),
    ofChance('s is r', (r) => r),
    ofChance('s is -r', (r) => order - r),
    ofChance('s is the digest', () => reduce(e, order)),
    ofChance('s is minus the digest', () => reduce(-e, order)),
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
  const s = anyNumber(curve)
  return pairOfNonce(curve, e, anyNumber(curve), () => s)
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

/** With the public key (s nonce - e) / r G. */
function pairOfNonce(
  curve: Curve,
  e: bigint,
  nonce: bigint,
  sOf: (r: bigint) => bigint,
): Pair & { readonly point: Point } {
  const { order } = curve
  const r = reduce(curve.multipleOfGenerator(nonce).x, order)
  const s = sOf(r)
  return { r, s, point: curve.multipleOfGenerator(reduce((s * nonce - e) * invert(r, order), order)) }
}
