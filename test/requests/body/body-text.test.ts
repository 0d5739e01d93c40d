import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { findHashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { BodyText, MARK_LENGTH } from '../../../src/requests/body/body-text.ts'
import { collectGarbage } from '../../support/collect-garbage.ts'
import { PROPERTY_RUNS } from '../../support/property-runs.ts'

const sha256 = findHashAlgorithm('sha256')
if (sha256 === undefined) throw new Error('no sha256')
const LIMITS = { long: 24, beginning: 12, document: 16, documentBeginning: 8 }

/** RFC 4648 section 4, with trailing bits of zero (3.5). */
const BASE64 =
  /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$/

/** Reads bytes in chunks whose lengths are repeated until there are no bytes. */
function read(bytes: Buffer, lengths: readonly number[]): BodyText {
  const text = new BodyText(() => [sha256 as NonNullable<typeof sha256>], ['d'], LIMITS)
  for (let at = 0, chunk = 0; at < bytes.length; chunk++) {
    const length = lengths[chunk % lengths.length] as number
    text.write(bytes.subarray(at, at + length))
    at += length
  }
  return text
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** Whether a value is the one expected, but for long strings, whose beginnings and digests are told. */
function isSame(found: unknown, expected: unknown, { contents }: BodyText): boolean {
  const long = typeof found === 'string' ? contents.get(found.slice(-MARK_LENGTH)) : undefined
  if (long !== undefined && typeof expected === 'string') {
    // A character may have been cut in two
    const beginning = (found as string).slice(0, -MARK_LENGTH).replace(/\ufffd+$/, '')
    const digest = createHash('sha256').update(Buffer.from(expected, 'base64')).digest()
    return (
      expected.startsWith(beginning) &&
      long.isBase64 === BASE64.test(expected) &&
      (!long.isBase64 || digest.equals(long.digest(sha256 as NonNullable<typeof sha256>) as Buffer))
    )
  }
  if (typeof expected !== 'object' || expected === null || typeof found !== 'object' || found === null) {
    return Object.is(found, expected)
  }
  const [names, others] = [Object.entries(expected), Object.entries(found)]
  return (
    names.length === others.length &&
    names.every(
      ([name, value], index) =>
        others[index]?.[0] === name && isSame(others[index][1], value, { contents } as BodyText),
    )
  )
}

/** JSON as others may write it: the same string in several ways, and white space. */
const character = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...'AZaz09+/=') },
  fc.constantFrom(
    '\\/',
    '\\u0041',
    '\\u002b',
    '\\n',
    '\\"',
    '\\\\',
    '\\u0141',
    '\\ud83d\\ude00',
    '-',
    'Ł',
    '😀',
    ' ',
  ),
)
const base64 = fc
  .uint8Array({ maxLength: 90, size: 'max' })
  .chain((bytes) =>
    fc
      .constantFrom('/', '\\/', '\\u002f')
      .map((slash) => Buffer.from(bytes).toString('base64').replaceAll('/', slash)),
  )
const string = fc
  .oneof(
    fc.array(character, { maxLength: 60, size: 'max' }).map((all) => all.join('')),
    base64,
  )
  .map((inside) => `"${inside}"`)
const name = fc.constantFrom('"a"', '"b"', '"d"', '"\\u0061"', '""')
const space = fc.constantFrom('', ' ', '\n\t')
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    string,
    fc.constantFrom('null', 'true', '-1.5e3'),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join()}]`),
    fc
      .array(fc.tuple(name, space, tie('value')), { maxLength: 5 })
      .map((members) => `{${members.map(([key, gap, member]) => `${gap}${key}:${gap}${member}`).join()}}`),
  ),
}))
const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 })

t.test('a string of as many characters as are kept is kept, wherever its chunks end', async (t) => {
  const string = 'A'.repeat(LIMITS.long)
  const json = Buffer.from(JSON.stringify({ a: string }))
  for (let length = 1; length <= json.length; length++) {
    t.same(JSON.parse(`${read(json, [length, json.length])}`), { a: string }, `${length} bytes come first`)
  }
})

t.test('a longer string is cut short, wherever its chunks end', async (t) => {
  const long = LIMITS.long + 1
  for (const [what, inside, isLong] of [
    ['one character too many', 'A'.repeat(long), true],
    ['an escape behind it', `${'A'.repeat(long)}\\n`, true],
    ['an escape before it', `\\n${'A'.repeat(long)}`, false],
    ['escapes alone', '\\u0041'.repeat(LIMITS.long), false],
    ['an escape too many', '\\u0041'.repeat(long), true],
  ] as const) {
    const escapes = [9, LIMITS.long].map((count) => `"b":"${'\\n'.repeat(count)}",`)
    for (const before of ['', ...escapes, ' '.repeat(17)]) {
      const json = Buffer.from(`{${before}"a":"${inside}"}`)
      const texts = new Set<number>()
      for (let length = 1; length <= json.length; length++) {
        const text = read(json, [length, json.length])
        t.equal(text.contents.size, isLong ? 1 : 0, `${what}, ${length} bytes come first`)
        texts.add(text.length)
      }
      t.equal(texts.size, 1, 'as much is kept')
    }
  }
})

t.test('little is kept of a document that is not short, wherever its chunks end', async (t) => {
  const short = 'A'.repeat(LIMITS.document)
  for (const [json, isHashed] of [
    [`{"d":"${short}AAAA"}`, true],
    [`{"c":"","d":"${short}AAAA"}`, true],
    [`{"\\u0064":"${short}AAAA"}`, true],
    [`{"d":"${'\\/'.repeat(12)}"}`, true],
    [`{"d":"${short}"}`, false],
    [`{"b":"${short}AAAA"}`, false],
    [`{"x":{"d":"${short}AAAA"}}`, false],
    [`{"bbbbbbbb":"bbbbb","d":"${short}AAAA"}`, false],
  ] as const) {
    const bytes = Buffer.from(json)
    for (let length = 1; length <= bytes.length; length++) {
      const text = read(bytes, [length, bytes.length])
      const marks = [...text.contents.keys()]
      t.equal(marks.length, isHashed ? 1 : 0, json)
      const { d } = JSON.parse(text.toString())
      const kept = JSON.parse(json).d?.slice(0, d.length - MARK_LENGTH)
      t.equal(d === `${kept}${marks[0]}` && kept.length <= LIMITS.documentBeginning, isHashed)
      t.ok([...text.contents.values()].every(({ isBase64 }) => isBase64))
    }
  }
})

t.test('JSON has the values that JSON.parse finds, in whatever chunks it comes', async (t) => {
  let hashed = 0
  fc.assert(
    fc.property(value, lengths, (json, lengths) => {
      const text = read(Buffer.from(json), lengths)
      hashed += text.contents.size
      const [found, expected] = [parse(text.toString()), parse(json)]
      return expected !== undefined && found !== undefined && isSame(found.value, expected.value, text)
    }),
    { numRuns: PROPERTY_RUNS },
  )
  t.ok(hashed > PROPERTY_RUNS / 10, `${hashed} strings were long`)
})

t.test('bytes are JSON if and only if they are to JSON.parse', async (t) => {
  const seen = { json: 0, none: 0 }
  const change = fc.record({
    at: fc.nat(),
    deleted: fc.nat(3),
    inserted: fc.oneof(
      fc.constantFrom('"', '\\', '\\u', '\\u00', '\n', '\u0000', ',', '}', '', 'Ł', '\\"', '\ufeff'),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
  })
  fc.assert(
    fc.property(value, fc.array(change, { maxLength: 2 }), lengths, (json, changes, lengths) => {
      let bytes = Buffer.from(json)
      for (const { at, deleted, inserted } of changes) {
        const position = at % (bytes.length + 1)
        const parts = [
          bytes.subarray(0, position),
          Buffer.from(inserted, 'latin1'),
          bytes.subarray(position + deleted),
        ]
        bytes = Buffer.concat(parts)
      }
      const text = read(bytes, lengths)
      const [found, expected] = [parse(text.toString()), parse(bytes.toString())]
      seen[expected === undefined ? 'none' : 'json']++
      return (
        (found === undefined) === (expected === undefined) &&
        (expected === undefined || isSame(found?.value, expected.value, text))
      )
    }),
    { numRuns: PROPERTY_RUNS },
  )
  t.ok(seen.json > PROPERTY_RUNS / 5 && seen.none > PROPERTY_RUNS / 5, JSON.stringify(seen))
})

t.test('a name that is too long to be kept is none that anybody asks for', async (t) => {
  const text = read(Buffer.from(`{"${'a'.repeat(200)}":"value","action":"sign"}`), [7])
  const fields = JSON.parse(text.toString()) as Record<string, unknown>
  t.equal(fields.action, 'sign')
  t.match(Object.keys(fields)[0], /^a{12}[0-9a-f]{32}$/)
})

t.test('what is before a long string is known to who chooses the algorithms', async (t) => {
  const long = 'A'.repeat(100)
  const befores: Record<string, unknown> = {
    [`{"x":[1,{}],"y":"${long}`]: { field: 'y', fields: { x: [1, {}] } },
    [`{"y":"${long}`]: { field: 'y', fields: {} },
    [`{"y":1,"x":2,"y":"${long}`]: { field: 'y', fields: { x: 2 } },
    [`{"x":{"y":"${long}`]: undefined,
    [`["${long}`]: undefined,
    [`{"${long}`]: undefined,
    [`{"x":1 2,"y":"${long}`]: undefined,
    [`{${' '.repeat(6 * LIMITS.long)}"y":"${long}`]: undefined,
  }
  for (const [json, expected] of Object.entries(befores)) {
    const seen: unknown[] = []
    const text = new BodyText(
      (before) => {
        seen.push(before)
        return []
      },
      ['d'],
      LIMITS,
    )
    text.write(Buffer.from(json))
    t.match(seen, [expected], json.slice(0, 20))
    t.equal(seen.length, 1)
  }
})

t.test('chunks are freed, and nothing else, however the text is cut', async (t) => {
  const document = Buffer.alloc(50_000, 'QUJD').toString()
  const body = JSON.stringify({ d: document, name: 'n'.repeat(9_000), last: 'l'.repeat(5_000) })
  for (const length of [body.length, 40_000, 33_001, 4_095]) {
    const text: BodyText = new BodyText(() => [sha256], ['d'])
    const long: Buffer[] = []
    const short: Buffer[] = []
    for (let at = 0; at < body.length; at += length) {
      const bytes = Buffer.from(body.slice(at, at + length))
      // Short ones share memory with others
      ;(bytes.length < Buffer.poolSize / 2 ? short : long).push(bytes)
      text.write(bytes)
    }
    const { name, d, last } = JSON.parse(text.toString())
    t.same([name, last], ['n'.repeat(9_000), 'l'.repeat(5_000)])
    t.same(
      text.contents.get(d.slice(-MARK_LENGTH))?.digest(sha256),
      createHash('sha256').update(Buffer.from(document, 'base64')).digest(),
    )
    const canFree = 'transfer' in ArrayBuffer.prototype
    t.ok(
      long.every((chunk) => (chunk.length === 0) === canFree),
      `chunks of ${length}`,
    )
    t.ok(short.every((chunk) => chunk.length > 0))
    // The second collection ends what the first leaves to other threads, so that nothing but the text frees memory from here on
    collectGarbage()
    collectGarbage()
    const { arrayBuffers } = process.memoryUsage()
    text.free()
    t.ok(process.memoryUsage().arrayBuffers < arrayBuffers === canFree, 'what was kept')
    t.equal(text.toString(), '')
  }
})
