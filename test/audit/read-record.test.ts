import t from 'tap'
import { readRecord } from '../../src/audit/read-record.ts'
import { decision, LogBuilder, parse, started } from '../support/audit-log.ts'

const [line = ''] = new LogBuilder().add(started).lines
const text = line.trimEnd()
const wrong = (text: string | Buffer) => readRecord(Buffer.from(text)).wrong

t.test('records of all kinds are read', async (t) => {
  const log = new LogBuilder().add(started, decision({ subject: 'é \u2028 \u0001 "\\" 😀', code: 'A' }))
  log.add(
    { kind: 'refusals', count: 2, codes: { A: 1, 10: 1, 9: 1 } },
    { kind: 'torn', bytes: 1, sha256: 'a'.repeat(64) },
  )
  log
    .add({
      ...{ kind: 'started', reason: 'recovered', version: '1.0.0' },
      ...{ unanswered: { first: 2, last: 3 }, unrecorded: 1 },
    })
    .checkpoint(log.statement())
  log.now -= 10
  for (const line of log.add(started).lines) {
    t.same(readRecord(Buffer.from(line.trimEnd())), { record: parse(line) })
  }
})

t.test('what is no record', async (t) => {
  const cases: [string, string | Buffer, string | RegExp][] = [
    ['nothing', '', 'is not valid JSON'],
    ['text', 'text', 'is not valid JSON'],
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'is not valid UTF-8'],
    ['null', 'null', 'is no record: it has no kind'],
    ['a list', '[]', 'is no record: it has no kind'],
    [
      'another kind',
      text.replace('"started"', '"stopped\\u001b"'),
      'is of an unknown kind, "stopped\\u001b"',
    ],
    [
      'a kind that is no text',
      text.replace('"started"', `${'['.repeat(1e5)}${']'.repeat(1e5)}`),
      'it has no kind',
    ],
    [
      'a missing member',
      text.replace(',"version":"1.0.0"', ''),
      /^is no record of the kind started: it must have required/,
    ],
    [
      'an unknown member',
      text.replace('{', '{"a":1,'),
      'is no record of the kind started: it has a member that is not known at /a',
    ],
    [
      'another type',
      text.replace('"number":1', '"number":"1"'),
      'is no record of the kind started: it must be integer at /number',
    ],
    [
      'a day that does not exist',
      text.replace(/\d\d-\d\dT/, '02-31T'),
      /^has a time that does not exist, \d{4}-02-31T/,
    ],
    ['an hour that does not exist', text.replace(/T\d\d/, 'T25'), /^has a time that does not exist/],
  ]
  for (const [name, text, expected] of cases) {
    t.match(wrong(text), expected, name)
  }
})

t.test('a record has one form', async (t) => {
  const form = /^is not in the form of RFC 8785/
  const [, second = ''] = new LogBuilder().add(started, decision()).lines
  const [, third = ''] = new LogBuilder().add(started, {
    kind: 'refusals',
    count: 2,
    codes: { A: 1, B: 1 },
  }).lines
  for (const [name, changed] of Object.entries({
    'a name twice': text.replace('{', '{"kind":"started",'),
    'the same name twice, with another value before': text.replace(
      '"kind":"started"',
      '"kind":"torn","kind":"started"',
    ),
    'another order': text.replace(/^\{("[a-z]+":"[a-z]+"),("[a-z]+":\d+)/, '{$2,$1'),
    'another order further in': third.trimEnd().replace('"A":1,"B":1', '"B":1,"A":1'),
    'white space': text.replace(',', ', '),
    'a line end of Windows': `${text}\r`,
    'another form of a number': text.replace('"number":1', '"number":1.0'),
    'another form of a text': text.replace('"main"', '"m\\u0061in"'),
    'half a surrogate pair': second.trimEnd().replace('contracts-app', '\\ud800'),
    'too deep a nesting': third.trimEnd().replace('"A":1', `"A\\n":${'['.repeat(1e5)}${']'.repeat(1e5)}`),
    'null where the schema looks away': third.trimEnd().replace('"A":1', '"A\\n":null, "B\\n": 1'),
  })) {
    t.match(wrong(changed), form, name)
  }
})
