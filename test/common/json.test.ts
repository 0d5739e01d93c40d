import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { countSeparators, parseJson } from '../../src/common/json.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'

/** The message that a text is refused with, without what all of them have in common. */
function refusalOf(text: string): string | undefined {
  try {
    parseJson(text)
    return undefined
  } catch (error) {
    return (error as Error).message.replace(/^is not valid JSON \((.*)\)$/, '$1')
  }
}

t.test('JSON is read as JSON.parse reads it', async (t) => {
  for (const text of [
    ...['null', 'true', 'false', '0', '-1.5e+3', '""', '[]', '{}', ' \t\r\n[ 1 , "a" ]\n'],
    ...['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\u2028ä"', '{"a":{"b":[{},[],{"c":null}]},"":1}'],
    '{"__proto__":{"a":1},"constructor":2}',
  ]) {
    t.ok(isDeepStrictEqual(parseJson(text), JSON.parse(text)))
  }
  t.ok(Object.hasOwn(parseJson('{"__proto__":1}') as object, '__proto__'))
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (json, space) => {
      const text = JSON.stringify(JSON.parse(json), undefined, space)
      t.ok(isDeepStrictEqual(parseJson(text), JSON.parse(text)))
    }),
    { numRuns: 200 },
  )
})

t.test('what JSON.parse refuses is refused', async (t) => {
  const pieces = fc.constantFrom(
    ...'{}[],:"\\ \n1-.eutrlsa'.split(''),
    'true',
    '"a"',
    '"a":',
    '\\u00',
    '\u00a0',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
      const text = parts.join('')
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      const refusal = refusalOf(text)
      t.equal(refusal === undefined || /stands in the same object/.test(refusal), valid)
    }),
    { numRuns: PROPERTY_RUNS },
  )
})

t.test('a refusal says where, and what was expected there', async (t) => {
  for (const [text, message] of [
    ['', 'line 1, column 1: value expected'],
    ['{\n  "a": 1,\n}', 'line 3, column 1: property name expected'],
    ['{\n  "a" 1\n}', 'line 2, column 7: colon expected'],
    ["{'a': 1}", 'line 1, column 2: invalid symbol'],
    ['{"a": \'b\'}', 'line 1, column 7: invalid symbol'],
    ['{"a": 1 "b": 2}', 'line 1, column 9: comma expected'],
    ['[1 2]', 'line 1, column 4: comma expected'],
    ['[1, ]', 'line 1, column 5: value expected'],
    ['{"a": 01}', 'line 1, column 8: comma expected'],
    ['{"a": 1} x', 'line 1, column 10: invalid symbol'],
    ['{"a": // b\n1}', 'line 1, column 7: invalid comment token'],
    ['["a\nb"]', 'line 1, column 2: unexpected end of string'],
    ['{"a\\x": 1}', 'line 1, column 2: invalid escape character'],
    ['{"a": "b}', 'line 1, column 7: unexpected end of string'],
    ['"', 'line 1, column 1: unexpected end of string'],
    ['{"a": 1, "b": 2,\r\n "\\u0061": 3}', 'line 2, column 2: this name stands in the same object before'],
    ['['.repeat(65), 'line 1, column 65: arrays and objects are nested too deep'],
    ['['.repeat(1_000_000), 'line 1, column 65: arrays and objects are nested too deep'],
  ] as const) {
    t.equal(refusalOf(text), message, text.slice(0, 80))
  }
})

t.test('as deep as is allowed, and as long', async (t) => {
  const deep = `${'['.repeat(64)}${']'.repeat(64)}`
  t.same(parseJson(deep), JSON.parse(deep))
  const long = JSON.stringify({ a: '\\"'.repeat(200_000), b: 'x'.repeat(400_000) })
  t.same(parseJson(long), JSON.parse(long))
  t.match(refusalOf(long.slice(0, -2)), 'unexpected end of string')
})

t.test('commas and colons are counted, in strings too', async (t) => {
  for (const [text, count] of [
    ['', 0],
    ['[[1]]', 0],
    ['[1,[2,3],4]', 3],
    ['{"a":1,"b,:":2}', 5],
  ] as const) {
    t.equal(countSeparators(text), count, text)
  }
})

t.test('nothing of the text is quoted', async (t) => {
  for (const text of ['secret-4711', '{"secret-4711"', '{secret-4711:1}', '["secret-4711" "secret-4711"]']) {
    t.notMatch(refusalOf(text), 'secret')
  }
})
