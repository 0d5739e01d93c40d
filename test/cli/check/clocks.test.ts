import t from 'tap'
import { Clocks, offsetOf } from '../../../src/cli/check/clocks.ts'
import { Report } from '../../../src/cli/check/report.ts'

const NOON = Date.parse('2026-07-01T12:00:00Z')

t.test('a clock differs by what the time of an exchange cannot explain', async (t) => {
  const during = { sentAt: NOON, receivedAt: NOON + 300 }
  t.equal(offsetOf(NOON, during), 0)
  t.equal(offsetOf(NOON - 999, during), 0, 'a time is cut to whole seconds')
  t.equal(offsetOf(NOON - 2_500, during), -1_500)
  t.equal(offsetOf(NOON + 300, during), 0)
  t.equal(offsetOf(NOON + 1_300, during), 1_000)
  t.equal(offsetOf(NOON + 20_000, { sentAt: NOON, receivedAt: NOON + 30_000 }), 0, 'an answer was late')
})

t.test('of several answers the one counts that tells least against the clock', async (t) => {
  const clocks = new Clocks()
  const report = new Report()
  for (const offset of [9_000, -3_000, 8_000]) {
    const headers = { date: new Date(NOON + offset).toUTCString() }
    clocks.addAnswer({ headers, sentAt: NOON, receivedAt: NOON })
  }
  clocks.addTimestamp(new Date(NOON + 90_000), { sentAt: NOON, receivedAt: NOON })
  t.strictSame(clocks.report(report, { warning: 5, critical: 60 }), [
    { label: 'clock', value: -2, unit: 's', warning: '-5:5', critical: '-60:60' },
    { label: 'tsa clock', value: 90, unit: 's', warning: '-5:5', critical: '-60:60' },
  ])
  t.match(report.steps, [
    {
      status: 'failed',
      found:
        "that of the service is 2.0 s behind this machine's; that of the timestamp authority is 90.0 s ahead of this machine's",
    },
  ])
})
