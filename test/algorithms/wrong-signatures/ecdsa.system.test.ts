import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { ECDSA } from '../../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS } from '../../../src/algorithms/hash-algorithms.ts'
import { CURVES } from '../../support/wrong-signatures/curve.ts'
import { flawsOfDer } from '../../support/wrong-signatures/der-flaws.ts'
import {
  digestNumbers,
  type EdgePair,
  edgePairs,
  pairOver,
} from '../../support/wrong-signatures/ecdsa-edges.ts'
import { decodePlain, encodeDer, encodePlain, type Pair } from '../../support/wrong-signatures/ecdsa-pairs.ts'
import {
  foreignTakes,
  opensslTakes,
  ownTakes,
  type Signed,
} from '../../support/wrong-signatures/verifiers.ts'
import { wrongPairs } from '../../support/wrong-signatures/wrong-ecdsa-pairs.ts'

const message = Buffer.from('the signed attributes')

function foreignTakesDer(signed: Signed, signature: Uint8Array): boolean {
  return foreignTakes(ECDSA.certificateIdentifier(signed.hash), signed, signature)
}

for (const curve of CURVES) {
  for (const hash of HASH_ALGORITHMS) {
    t.test(`${curve.name}, ${hash.name}`, async (t) => {
      const digest = createHash(hash.nodeName).update(message).digest()
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve.name })
      const signed = { publicKey, hash, message }
      const made = sign(hash.nodeName, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const right = decodePlain(curve, made)
      const numbers = digestNumbers(curve, digest)
      /** By whom a pair is taken, in each of its forms that there are. */
      const takers = (pair: Pair, of: Signed = signed) => {
        const plain = encodePlain(curve, pair)
        return [
          ...(plain && ownTakes(ECDSA, of, plain) ? ['own'] : []),
          ...(foreignTakesDer(of, encodeDer(pair)) ? ['foreign'] : []),
        ]
      }

      t.test('right ones are taken, also those at the edges', async (t) => {
        const edges = [
          { name: 'what is made', ...right, point: undefined },
          { name: 'with the other s', r: right.r, s: curve.order - right.s, point: undefined },
          ...edgePairs(curve, numbers.right),
        ]
        t.equal(edges.length, 21)
        for (const { name, point, ...pair } of edges) {
          const of = { ...signed, publicKey: point ? curve.publicKey(point) : publicKey }
          t.strictSame(takers(pair, of), ['own', 'foreign'], name)
          t.ok(await opensslTakes(of, encodeDer(pair)), 'and by OpenSSL')
        }
        const beyond = edges.find(({ name }) => name === 'x of the point is beyond the order') as EdgePair
        const of = { ...signed, publicKey: curve.publicKey(beyond.point) }
        t.strictSame(takers({ ...beyond, r: beyond.r + curve.order }, of), [], 'but not with x itself')
      })

      t.test('pairs near a right one are refused', async (t) => {
        const wrong = wrongPairs(curve, right)
        t.equal(wrong.length, 160)
        t.strictSame(
          wrong.flatMap(({ name, ...pair }) => takers(pair).map((taker) => `${taker}: ${name}`)),
          [],
        )
      })

      t.test('encodings of a right one that are none of its own are refused', async (t) => {
        const der = sign(hash.nodeName, message, privateKey)
        t.ok(foreignTakesDer(signed, der), 'not what is right')
        const flaws = flawsOfDer(der)
        // Of P-521 the lengths are long ones already
        t.equal(flaws.length, curve.name === 'P-521' ? 116 : 117)
        t.strictSame(
          flaws.filter(({ bytes }) => foreignTakesDer(signed, bytes)).map(({ name }) => name),
          [],
        )
      })

      t.test('lengths that r and s do not have are refused', async (t) => {
        const { size } = curve
        const [r, s] = [made.subarray(0, size), made.subarray(size)]
        const zero = Buffer.alloc(1)
        const wrong = {
          'DER for one after the other': encodeDer(right),
          'both a byte longer': Buffer.concat([zero, r, zero, s]),
          'both with a byte behind': Buffer.concat([r, zero, s, zero]),
          'without the first byte': made.subarray(1),
          'without the last byte': made.subarray(0, -1),
          'a zero before it': Buffer.concat([zero, made]),
          'a zero after it': Buffer.concat([made, zero]),
          twice: Buffer.concat([made, made]),
          'r alone': r,
          empty: Buffer.alloc(0),
        }
        t.strictSame(
          Object.entries(wrong)
            .filter(([, bytes]) => ownTakes(ECDSA, signed, bytes))
            .map(([name]) => name),
          [],
        )
        t.notOk(foreignTakesDer(signed, made), 'one after the other for DER')
      })

      t.test('the leftmost bits of the digest count', async (t) => {
        const takersOver = (number: bigint) => {
          const { point, ...pair } = pairOver(curve, number)
          return takers(pair, { ...signed, publicKey: curve.publicKey(point) })
        }
        t.strictSame(takersOver(numbers.right), ['own', 'foreign'])
        t.ok(numbers.wrong.length >= 5)
        t.strictSame(numbers.wrong.flatMap(takersOver), [])
      })
    })
  }
}
