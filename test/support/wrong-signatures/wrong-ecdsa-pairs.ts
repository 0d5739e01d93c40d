import type { Curve } from './curve.ts'
import type { NamedPair, Pair } from './ecdsa-pairs.ts'
import { invert } from './numbers.ts'

/** Pairs that are not those of a key and message of which one is. */
export function wrongPairs({ order, prime, size }: Curve, { r, s }: Pair): NamedPair[] {
  const numbers: Readonly<Record<string, bigint>> = {
    '0': 0n,
    '1': 1n,
    '-1': -1n,
    'the order - 1': order - 1n,
    'the order': order,
    'the order + 1': order + 1n,
    'minus the order': -order,
    'the prime': prime,
    'the prime + 1': prime + 1n,
    'all bits set': 2n ** BigInt(8 * size) - 1n,
    'a byte longer': 2n ** BigInt(8 * size),
  }
  const pairs = Object.entries(numbers).flatMap(([first, one]) => [
    { name: `r is ${first}`, r: one, s },
    { name: `s is ${first}`, r, s: one },
    ...Object.entries(numbers).map(([second, other]) => ({
      name: `r is ${first}, s is ${second}`,
      r: one,
      s: other,
    })),
  ])
  const longer = 2n ** BigInt(8 * size)
  return [
    ...pairs,
    { name: 'r + the order', r: r + order, s },
    { name: 's + the order', r, s: s + order },
    { name: 'r - the order', r: r - order, s },
    { name: 's - the order', r, s: s - order },
    { name: 'the order - r', r: order - r, s },
    { name: 'the order - r, the order - s', r: order - r, s: order - s },
    { name: '-r', r: -r, s },
    { name: '-s', r, s: -s },
    { name: '-r, -s', r: -r, s: -s },
    { name: 'r and a byte before it', r: r + longer, s },
    { name: 's and a byte before it', r, s: s + longer },
    { name: 'r with its last bit flipped', r: r ^ 1n, s },
    { name: 's with its last bit flipped', r, s: s ^ 1n },
    { name: 'r for s, and the reverse', r: s, s: r },
    { name: 'r twice', r, s: r },
    { name: 's twice', r: s, s },
    { name: 'the inverse of s', r, s: invert(s, order) },
  ]
}
