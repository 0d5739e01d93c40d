import fc from 'fast-check'
import t from 'tap'
import { findRepeatedName } from '../../../src/requests/body/repeated-name.ts'
import { PROPERTY_RUNS } from '../../support/property-runs.ts'

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
