import t from 'tap'
import type { Step } from '../../../src/cli/check/report.ts'
import { formatVerdict, judge } from '../../../src/cli/check/verdict.ts'
import { parsePerformance, WITHOUT_MONITORING_PLUGIN } from '../../support/validators/monitoring-plugin.ts'

const step = (status: Step['status'], found = 'it is so'): Step => ({ name: 'level', status, found })

t.test('the worst step decides, and what is unknown may be critical', async (t) => {
  const states = (...steps: Step['status'][]) =>
    judge(
      steps.map((one) => step(one)),
      [],
      'well',
    ).state
  t.equal(states('ok', 'skipped'), 'OK')
  t.equal(states('ok', 'warning'), 'WARNING')
  t.equal(states('warning', 'unknown', 'ok'), 'UNKNOWN')
  t.equal(states('unknown', 'failed', 'warning'), 'CRITICAL')
})

t.test('the first line has the worst problems, and the others have all', async (t) => {
  const steps = ['warning', 'failed', 'unknown', 'failed', 'failed'].map((one, index) =>
    step(one as Step['status'], `problem ${index}`),
  )
  const text = formatVerdict(judge(steps, [], 'well'))
  const [first, ...others] = text.trimEnd().split('\n')
  t.equal(first, 'SIGNING CRITICAL - level: problem 1; level: problem 3; level: problem 4; and 2 more')
  t.equal(others.length, 5)
})

t.test('nothing that was answered is taken for figures, or steers the terminal', async (t) => {
  const [first, second] = formatVerdict(judge([step('failed', "a | 'b'=1\n\u{1b}[2J")], [], '')).split('\n')
  t.equal(first, "SIGNING CRITICAL - level: a / 'b'=1\\u{a}\\u{1b}[2J")
  t.equal(second, "[failed] level: a / 'b'=1\\u{a}\\u{1b}[2J")
})

t.test('figures are read as they were meant', { skip: WITHOUT_MONITORING_PLUGIN }, async (t) => {
  const figures = [
    { label: "it's=a | name", value: 1.23456, unit: 's', warning: '2', critical: '5' },
    { label: 'days', value: -3, unit: '', warning: '30:', critical: '7:' },
  ] as const
  const [first = ''] = formatVerdict(judge([], figures, 'well')).split('\n')
  t.match(first, /^SIGNING OK - well \| /)
  t.match(parsePerformance(first.split(' | ')[1] as string), [
    { label: 'it_s_a _ name', value: 1.235, unit: 's' },
    { label: 'days', value: -3, unit: '', warning: '30:' },
  ])
})
