import fc from 'fast-check'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../../src/algorithms/hash-algorithms.ts'
import { createAlgorithmChooser } from '../../../src/callback/body/json-body.ts'
import { findRepeatedName } from '../../../src/callback/body/repeated-name.ts'
import { PROPERTY_RUNS } from '../../support/property-runs.ts'

const [sha160, , sha256, sha384, sha512] = HASH_ALGORITHMS as [...(typeof HASH_ALGORITHMS)[0][]]
const signers = [
  { rules: { hashAlgorithms: [sha256, sha512] } },
  { rules: { hashAlgorithms: [sha512, sha160] } },
] as { rules: { hashAlgorithms: typeof HASH_ALGORITHMS } }[]
const choose = createAlgorithmChooser({ all: () => signers })

t.test('contents are hashed with the algorithm that was named before them', async (t) => {
  for (const field of ['encoded_contents', 'encodedContents', 'data_to_be_signed']) {
    t.same(choose({ field, fields: { hash_algorithm: 'SHA-384' } }), [sha384])
    t.same(choose({ field, fields: { hash_algorithm: 'md5' } }), [])
  }
})

t.test('contents are hashed with each algorithm that any signer allows where none was named', async (t) => {
  for (const fields of [{}, { hash_algorithm: null }, { hash_algorithm: 256 }]) {
    t.same(choose({ field: 'encoded_contents', fields }), [sha256, sha512, sha160])
  }
  t.same(choose(undefined), [sha256, sha512, sha160])
})

t.test('what is not to be signed is not hashed', async (t) => {
  t.same(choose({ field: 'signing_token', fields: {} }), [])
  t.same(choose({ field: 'preview', fields: { hash_algorithm: 'sha256' } }), [])
})

t.test('a long string is refused as soon as it is known that certificates are asked for', async (t) => {
  for (const field of ['encoded_contents', 'signing_token', 'preview']) {
    t.throws(() => choose({ field, fields: { action: 'get_certificates' } }), { code: 'PAYLOAD_TOO_LARGE' })
  }
})

const NAMES = new Set(['a', 'b', '"', '\\'])

t.test('a known name that stands twice in the outermost object is found', async (t) => {
  const texts: Record<string, string | undefined> = {
    '{"a":1,"a":2}': 'a',
    '{"a":1,"b":2,"a":1}': 'a',
    ' \n{ "a" : [ {"x":"}"}, "," ] , "\\u0061" : 2 }': 'a',
    '\ufeff{"b":"\\\\\\"","b":null}': 'b',
    '{"\\"":1,"\\u0022":1}': '"',
    '{"\\\\":1,"\\\\":1}': '\\',
    '{"x":1,"x":2}': undefined,
    '{"a":"a","b":"b"}': undefined,
    '{"a":{"a":1,"a":2},"x":["a","a"]}': undefined,
    '{"a":"\\",\\"a\\":1"}': undefined,
    '{}': undefined,
    '["a","a"]': undefined,
    '[{"a":1,"a":1}]': undefined,
    '"a"': undefined,
    '1': undefined,
  }
  for (const [text, expected] of Object.entries(texts)) {
    t.equal(findRepeatedName(text, NAMES), expected, text)
  }
})

t.test('names are found in whatever way they are written, and nothing else is', async () => {
  const written = fc
    .tuple(fc.constantFrom('a', 'b', 'x', '"', '\\'), fc.boolean())
    .map(([name, escaped]) => ({
      name,
      text: escaped
        ? `"\\u${(name.codePointAt(0) as number).toString(16).padStart(4, '0')}"`
        : JSON.stringify(name),
    }))
  const value = fc.json({ maxDepth: 3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(written, value), { maxLength: 5 }), (members) => {
      const text = `{${members.map(([{ text }, value]) => `${text} : ${value}`).join(' ,')}}`
      const names = members.map(([{ name }]) => name)
      const repeated = names.find((name, index) => NAMES.has(name) && names.indexOf(name) < index)
      return findRepeatedName(text, NAMES) === repeated
    }),
    { numRuns: PROPERTY_RUNS },
  )
})
