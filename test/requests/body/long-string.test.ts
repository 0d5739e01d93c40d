import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../../src/algorithms/hash-algorithms.ts'
import { Base64Digests } from '../../../src/requests/body/long-string.ts'
import { PROPERTY_RUNS } from '../../support/property-runs.ts'

/** RFC 4648 section 4, with trailing bits of zero (3.5). */
const BASE64 =
  /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$/

function read(text: string, lengths: readonly number[], algorithms = HASH_ALGORITHMS): Base64Digests {
  const digests = new Base64Digests(algorithms)
  for (let at = 0, piece = 0; at < text.length; piece++) {
    const length = lengths[piece % lengths.length] as number
    digests.write(text.slice(at, at + length))
    at += length
  }
  digests.end()
  return digests
}

const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })

t.test('bytes have the digests that they have when they are whole', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), lengths, (bytes, lengths) => {
      const digests = read(Buffer.from(bytes).toString('base64'), lengths)
      return (
        digests.isBase64 &&
        HASH_ALGORITHMS.every((algorithm) => {
          const expected = createHash(algorithm.nodeName).update(bytes).digest()
          return digests.digest(algorithm)?.equals(expected)
        })
      )
    }),
  )
})

t.test('text in pieces is base64 exactly if it is so to the letter', async () => {
  const alphabet = fc.constantFrom(...'AQgwBRhx09+/==-_ \nŁ\u0000é')
  const text = fc.oneof(
    fc.string({ unit: alphabet, minLength: 1, maxLength: 16 }),
    fc.base64String({ minLength: 4 }),
    fc
      .tuple(fc.base64String({ minLength: 4, maxLength: 40 }), fc.nat(), alphabet)
      .map(([base64, at, other]) => {
        const position = at % base64.length
        return base64.slice(0, position) + other + base64.slice(position + 1)
      }),
  )
  fc.assert(
    fc.property(text, lengths, (text, lengths) => read(text, lengths, []).isBase64 === BASE64.test(text)),
    { numRuns: PROPERTY_RUNS },
  )
})

t.test('a long text with one foreign character is refused, wherever that stands', async (t) => {
  const base64 = Buffer.alloc(300_000, 0x5a).toString('base64')
  for (const length of [base64.length, 65_536, 65_537]) {
    t.ok(read(base64, [length], []).isBase64)
    for (const foreign of ['-', '_', ' ', '\n', '=', '==', 'Ł', '\u0000', '\u{1F58B}', 'é']) {
      for (const position of [0, 1, 65_534, 65_535, 65_536, 199_998, base64.length - foreign.length]) {
        const text = base64.slice(0, position) + foreign + base64.slice(position + foreign.length)
        // At the end, two may be padding
        const expected = BASE64.test(text.slice(-8)) && position > 200_000
        t.equal(read(text, [length], []).isBase64, expected, `${JSON.stringify(foreign)} at ${position}`)
      }
    }
  }
})

t.test('an algorithm that was not asked for has no digest', async (t) => {
  const [sha160, ...others] = HASH_ALGORITHMS
  const digests = read('AAAA', [4], others)
  t.equal(digests.digest(sha160 as (typeof HASH_ALGORITHMS)[0]), undefined)
})
