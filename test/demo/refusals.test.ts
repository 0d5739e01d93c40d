import t from 'tap'
import { EXPLAINED_REFUSALS, explain, explainShortfall } from '../../docker/demo/web/refusals.ts'
import * as errors from '../../src/errors.ts'

/** Codes of all errors with an HTTP status. */
const codes = Object.entries(errors)
  .filter(([name, value]) => typeof value === 'function' && name === name.toUpperCase())
  .map(([name]) => name)

t.test('the page explains each refusal of the service, and no other', async (t) => {
  t.ok(codes.length > 30)
  t.strictSame([...EXPLAINED_REFUSALS].sort(), codes.sort())
})

t.test('explanations are sentences', async (t) => {
  for (const code of codes) {
    const { sentence, advice } = explain(code)
    t.match(sentence, /^[A-Z].*\.$/, code)
    t.match(advice, /^[A-Z/].*\.$/, code)
    t.notMatch(sentence, code)
  }
})

t.test('a code that is new has words, too', async (t) => {
  t.match(explain('NEW'), { sentence: 'The service refused to sign.', advice: /words below/ })
  t.match(explain(undefined), { sentence: 'The service refused to sign.' })
})

t.test('says why a level is lower', async (t) => {
  t.match(explainShortfall('TIMESTAMP_UNAVAILABLE'), 'No timestamp authority gave a timestamp.')
})
