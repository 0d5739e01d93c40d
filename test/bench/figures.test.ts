/** What is made of figures: what must hold, what counts as noise, and how it is said. */
import t from 'tap'
import { FIGURES, type Line, lineOf, mistakesOf, sharesOf } from './figures.ts'
import type { Machine } from './report/machine.ts'
import { describeRun } from './report/page.ts'
import { reportOf } from './report/report.ts'
import { SHORT } from './settings.ts'
import { slopeOf, spreadOf } from './statistics.ts'
import { judge, type Target } from './targets.ts'

const machine: Machine = { cores: 2, cpu: 'a CPU', memory: 8, node: '20.0.0', token: 'a token' }

function line(name: string, rates: number[], reference?: number[]): Line {
  return {
    ...{ name, what: `what ${name} is`, main: 'rate', figures: { rate: rates }, answers: { right: 7 } },
    ...(reference && { reference: { what: 'the best', values: reference } }),
  }
}

t.test('the middle of rounds, and what lies farthest from it', async (t) => {
  t.strictSame(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
  t.strictSame(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 })
  t.strictSame(spreadOf([10, 9]), { median: 9.5, min: 9, max: 10 })
})

t.test('the slope of a line through points', async (t) => {
  t.equal(
    slopeOf([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
    2,
  )
  // y = 0.6 x + 2.2, as textbooks have it
  const points = [2, 4, 5, 4, 5].map((y, index) => [index + 1, y] as const)
  t.equal(slopeOf(points).toFixed(10), '0.6000000000')
})

t.test('a line has the figures of its rounds, and all answers together', async (t) => {
  const kind = { name: 'raw', what: 'raw', main: 'rate' } as const
  const made = lineOf(kind, [
    { figures: { rate: 10, p50: 1 }, answers: { right: 5 } },
    { figures: { rate: 20, p50: 2 }, answers: { right: 6, '503 HSM_BUSY': 2 } },
  ])
  t.strictSame(made.figures, { rate: [10, 20], p50: [1, 2] })
  t.strictSame(made.answers, { right: 11, '503 HSM_BUSY': 2 })
  t.equal(sharesOf(made), undefined)
})

t.test('shares are those of the same round', async (t) => {
  t.strictSame(sharesOf(line('raw', [50, 80], [100, 200])), [0.5, 0.4])
})

t.test('a target is held, missed, or missed by no more than half of what rounds differ by', async (t) => {
  const least: Target = { line: 'a', figure: 'rate', atLeast: 100, missed: 'slow' }
  const most: Target = { line: 'a', figure: 'rate', atMost: 100, missed: 'much' }
  const outcome = (target: Target, ...rates: number[]) => judge([line('a', rates)], [target])[0]?.outcome
  t.equal(outcome(least, 99, 100, 101), 'held')
  t.equal(outcome(least, 90, 95, 100), 'within noise')
  t.equal(outcome(least, 92, 94, 100), 'MISSED')
  t.equal(outcome(least, 99), 'MISSED', 'one round has no noise')
  t.equal(outcome(most, 99, 100, 101), 'held')
  t.equal(outcome(most, 100, 105, 110), 'within noise')
  t.equal(outcome(most, 100, 106, 108), 'MISSED')
  t.equal(outcome(most, Number.NaN), 'MISSED', 'what is not a number holds nothing')
})

t.test('targets are about figures, shares, and multiples of other lines in the same round', async (t) => {
  const lines = [line('a', [20, 30], [40, 40]), line('b', [10, 10])]
  const targets: Target[] = [
    { line: 'a', figure: 'share', atLeast: 0.5, missed: '' },
    { line: 'a', figure: { of: 'b' }, atLeast: 3, missed: '' },
    { line: 'a', figure: { of: 'b', by: 'p50' }, atLeast: 3, missed: '' },
    { line: 'a', figure: { of: 'not measured' }, atLeast: 3, missed: '' },
    { line: 'not measured', figure: 'rate', atLeast: 3, missed: '' },
  ]
  t.match(judge(lines, targets), [
    { says: '≥ 0.5 of the best', median: 0.625, outcome: 'held' },
    { says: '≥ 3 × what b is', median: 2.5, outcome: 'within noise' },
  ])
  t.equal(judge(lines, targets).length, 2, 'those of lines that were not measured are left out')
})

t.test('wrong answers fail a run, and so do missed targets', async (t) => {
  t.strictSame(mistakesOf(line('a', [1])), [])
  const busy = { ...line('overload-512', [1]), answers: { right: 1, '503 HSM_BUSY': 2 } }
  t.strictSame(mistakesOf({ ...busy, allowed: ['503 HSM_BUSY'] }), [])
  t.strictSame(mistakesOf(busy), ['overload-512: 2 × 503 HSM_BUSY'])

  const raw = line('raw-32', [100, 100], [200, 200])
  const naive = line('naive', [10, 10])
  t.strictSame(reportOf(machine, SHORT, [line('raw-32', [190], [200]), naive]).failures, [])
  t.match(reportOf(machine, SHORT, [raw, naive]).failures, [/^raw-32: .*bare token|the best/])
  const wrong = { ...naive, answers: { right: 1, 'wrong answer': 1 } }
  t.strictSame(reportOf(machine, SHORT, [wrong]).failures, ['naive: 1 × wrong answer'])
})

t.test('a page has the tables of what was measured', async (t) => {
  const lines = [line('raw-32', [180, 190, 200], [200, 200, 200]), line('naive', [19, 20, 21])]
  t.equal(
    describeRun(machine, lines, judge(lines)).join('\n\n'),
    `2 cores (a CPU), 8 GB, Node.js 20.0.0, a token.

| what | median (min–max) | beside | share | target | verdict |
| --- | --- | --- | --- | --- | --- |
| what raw-32 is | 190 /s (180–200) | the best: 200 /s | 0.95 (0.90–1.00) | ≥ 6 × what naive is (9.5)<br>≥ 0.65 of the best (0.95) | held |
| what naive is | 20 /s (19–21) |  |  |  |  |`,
  )
})

t.test('every figure has a unit and digits', async (t) => {
  for (const { what, digits } of Object.values(FIGURES)) {
    t.ok(what.length > 0 && digits >= 0)
  }
})
