import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t from 'tap'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

function createLimit() {
  let log = ''
  const logger = pino({}, { write: (line: string) => (log += line) })
  return { limit: new LineLimit(logger), lines: () => readLog(log) }
}

/** How many of so many lines are admitted at once. */
function count(limit: LineLimit, kind: string, lines: number): number {
  return Array.from({ length: lines }, () => limit.admits(kind)).filter(Boolean).length
}

t.test('of one kind a hundred lines a second are admitted, and the others counted', async (t) => {
  const { limit, lines } = createLimit()
  t.equal(count(limit, 'NOT_FOUND', 100), 100)
  t.equal(count(limit, 'NOT_FOUND', 150), 0)
  t.equal(count(limit, 'HSM_BUSY', 7), 7, 'of another kind too')
  t.same(lines(), [])
  // Its timer does not keep a process alive
  while (lines().length === 0) {
    await delay(20)
  }
  t.match(lines(), [{ level: 40, code: 'NOT_FOUND', suppressed: 150 }])
  t.equal(count(limit, 'NOT_FOUND', 101), 100, 'in the next second as many')
  limit.flush()
  t.match(lines().slice(1), [{ code: 'NOT_FOUND', suppressed: 1 }])
  limit.flush()
  t.equal(lines().length, 2)
})

t.test('a flood of refusals takes few lines, and none is lost from the count', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const service = await startService(t, environment)
  const flood = 1_000
  const answers = await Promise.all(
    Array.from({ length: flood }, () => send(`${service.url}/nowhere`, { timeoutMs: 60_000 })),
  )
  t.ok(answers.every(({ statusCode }) => statusCode === 404))
  const counted = () =>
    readLog(service.log())
      .filter(({ code }) => code === 'NOT_FOUND')
      .reduce((sum, { suppressed = 1 }) => sum + Number(suppressed), 0)
  await until('all are counted', () => counted() >= flood)
  t.equal(counted(), flood)
})
