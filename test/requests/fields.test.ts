import fc from 'fast-check'
import t from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { Base64Digests } from '../../src/requests/body/long-string.ts'
import { decodeBase64, decodeContents, decodeHexDigest } from '../../src/requests/fields.ts'

/** RFC 4648 section 4, with trailing bits of zero (3.5). */
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/
const TRAILING_BITS = /([AEIMQUYcgkosw048]=|[AQgw]==|[^=])$/

function decodes(text: string): boolean {
  try {
    decodeBase64('field', text)
    return true
  } catch {
    return false
  }
}

t.test('bytes come out of their base64 as they went in', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) =>
      decodeBase64('field', Buffer.from(bytes).toString('base64')).equals(bytes),
    ),
  )
})

t.test('text is decoded exactly if it is base64 to the letter', async () => {
  const alphabet = fc.constantFrom(...'AQgwBRhx09+/==-_ \nŁ\u0000')
  const text = fc.oneof(
    fc.string({ unit: alphabet, minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
    fc.base64String({ minLength: 4 }),
    // Base64 with one character exchanged: nearly right
    fc
      .tuple(fc.base64String({ minLength: 4, maxLength: 20 }), fc.nat(), alphabet)
      .map(([base64, at, other]) => {
        const position = at % base64.length
        return base64.slice(0, position) + other + base64.slice(position + 1)
      }),
  )
  fc.assert(
    fc.property(text, (text) => decodes(text) === (BASE64.test(text) && TRAILING_BITS.test(text))),
    { numRuns: 5000 },
  )
})

t.test('a long text with one foreign character is refused, wherever that stands', async (t) => {
  const base64 = Buffer.alloc(300_000, 0x5a).toString('base64')
  for (const foreign of ['-', '_', ' ', '\n', '=', 'Ł', '\u0000', '\u{1F58B}']) {
    for (const position of [0, 1, 199_998, base64.length - foreign.length]) {
      const text = base64.slice(0, position) + foreign + base64.slice(position + foreign.length)
      t.notOk(decodes(text), `${JSON.stringify(foreign)} at ${position}`)
    }
  }
  t.ok(decodes(base64))
})

t.test('bytes come out of their hex as they went in, in either case', async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 })
  fc.assert(
    fc.property(bytes, fc.boolean(), (bytes, upper) => {
      const hex = Buffer.from(bytes).toString('hex')
      return decodeHexDigest('field', upper ? hex.toUpperCase() : hex).equals(bytes)
    }),
  )
})

t.test('a digest longer than any hash makes is refused', async (t) => {
  t.equal(decodeHexDigest('field', 'ab'.repeat(64)).length, 64)
  t.throws(() => decodeHexDigest('field', 'ab'.repeat(65)), { code: 'INVALID_REQUEST' })
})

t.test('contents that arrived before their algorithm was allowed have to be sent again', async (t) => {
  const hashed = new Base64Digests([])
  hashed.write('QUJD')
  hashed.end()
  const contents = decodeContents({ field: 'encoded_contents', text: 'QUJD', hashed })
  const [, , sha256] = HASH_ALGORITHMS as [HashAlgorithm, HashAlgorithm, HashAlgorithm]
  t.throws(() => contents.digest(sha256), {
    code: 'INVALID_REQUEST',
    message: 'encoded_contents: arrived before this signer allowed sha256; send the request again',
  })
})
