import { execFileSync } from 'node:child_process'
import t from 'tap'
import { Chain, EMPTY_CHAIN, encodeCanonical, hashLine, NO_HEAD } from '../../src/audit/chain.ts'
import { findChainProblems, sha256 } from '../support/audit-records.ts'

const NOON = Date.parse('2026-11-27T12:00:00.123Z')
const started = (version: string) => ({ kind: 'started', reason: 'start', version }) as const
/** Prints each line as Python has it with sorted names and without spaces, which for our records is RFC 8785. */
const CANONICAL = `
import json, sys
for line in sys.stdin.buffer.read().decode().split('\\n')[:-1]:
    text = json.dumps(json.loads(line), sort_keys=True, separators=(',', ':'), ensure_ascii=False)
    sys.stdout.buffer.write((text + '\\n').encode())
`
const linesOf = (...added: string[]) => added.join('').split('\n').slice(0, -1)

t.test('records are numbered, dated, and each has the hash of the line before', async (t) => {
  const chain = new Chain('one', EMPTY_CHAIN)
  const lines = linesOf(
    chain.add(started('1'), NOON),
    chain.add(started('2'), NOON),
    chain.add(started('3'), NOON + 1),
  )
  t.equal(
    lines[0],
    `{"kind":"started","number":1,"previous":"${NO_HEAD}","reason":"start","stream":"one","time":"2026-11-27T12:00:00.123Z","version":"1"}`,
  )
  t.match(JSON.parse(lines[1] ?? ''), { number: 2, previous: sha256(lines[0] ?? '') })
  t.match(JSON.parse(lines[2] ?? ''), { number: 3, previous: sha256(lines[1] ?? ''), time: /00\.124Z$/ })
  t.same(chain.end, { number: 3, head: sha256(lines[2] ?? ''), time: NOON + 1 })
  t.same(findChainProblems(lines), [])
})

t.test('the form is canonical, whatever text is in it, as another implementation finds', async (t) => {
  const chain = new Chain('one', EMPTY_CHAIN)
  const texts = [
    '"\\/\b\f\n\r\t',
    '\u0000\u001f\u007f',
    'Zoë €',
    '\u2028\u2029',
    '𝄞',
    '</script>',
    '\ufeff',
    '\ufb33',
  ]
  const lines = linesOf(
    ...texts.map((text) => chain.add(started(text), NOON)),
    chain.add({ kind: 'refusals', subject: 'ö', count: 3, codes: { B: 1, A: 2 } }, NOON),
  )
  t.equal(lines.length, texts.length + 1)
  t.same(findChainProblems(lines), [])
  t.match(lines.at(-1), '"codes":{"A":2,"B":1},"count":3,"kind"')
  const input = lines.map((line) => `${line}\n`).join('')
  t.equal(execFileSync('python3', ['-c', CANONICAL], { input, encoding: 'utf8' }), input)
  t.throws(() => encodeCanonical({ text: '\ud800' }), /surrogate/, 'what has no UTF-8 is refused')
})

t.test('a chain goes on from its end', async (t) => {
  const whole = new Chain('one', EMPTY_CHAIN)
  const first = whole.add(started('1'), NOON)
  const rest = new Chain('one', { number: 1, head: hashLine(first.slice(0, -1)), time: NOON })
  t.equal(rest.stream, 'one')
  t.equal(rest.add(started('2'), NOON), whole.add(started('2'), NOON))
})

t.test('a clock that was set back has a record, and times rise from there', async (t) => {
  const chain = new Chain('one', EMPTY_CHAIN)
  const lines = linesOf(
    chain.add(started('1'), NOON),
    chain.add(started('2'), NOON - 60_000),
    chain.add(started('3'), NOON - 59_000),
  )
  t.same(
    lines
      .map((line) => JSON.parse(line))
      .map(({ kind, number, time, from }) => ({ kind, number, time, from })),
    [
      { kind: 'started', number: 1, time: '2026-11-27T12:00:00.123Z', from: undefined },
      { kind: 'clock', number: 2, time: '2026-11-27T11:59:00.123Z', from: '2026-11-27T12:00:00.123Z' },
      { kind: 'started', number: 3, time: '2026-11-27T11:59:00.123Z', from: undefined },
      { kind: 'started', number: 4, time: '2026-11-27T11:59:01.123Z', from: undefined },
    ],
  )
  t.same(findChainProblems(lines), [])
})
