import t from 'tap'
import { History } from '../../src/status-page/history.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** A history whose clock stands still until it is moved. */
function createHistory() {
  let now = Date.parse('2026-03-01T00:00:00Z')
  const history = new History(() => now)
  let requests = 0
  const end = (outcome: string, { statusCode = 200, seconds = 0.01, shortfall = '' } = {}) => {
    requests += 1
    const ended = { outcome, statusCode, seconds, requestId: `request ${requests}` }
    history.ended({ ...ended, ...(shortfall && { shortfall }) })
  }
  return { history, end, wait: (ms: number) => (now += ms), now: () => now }
}

t.test('each request is in the slot of its end, once that is over', async (t) => {
  const { history, end, wait } = createHistory()
  end('signed')
  end('signed_unanswered')
  end('client_left')
  end('INVALID_REQUEST', { statusCode: 400 })
  t.ok(history.read().slots.every(({ counts }) => counts.signed === 0))
  t.match(history.read().whole.counts, { signed: 1, refused: 1, failed: 0, left: 2 })
  wait(15 * SECOND)
  end('HSM_TIMEOUT', { statusCode: 504 })
  wait(15 * SECOND)
  const { slots, whole } = history.read()
  t.equal(slots.length, 60)
  t.match(slots.at(-2)?.counts, { signed: 1, refused: 1, failed: 0, left: 2 })
  t.match(slots.at(-1)?.counts, { signed: 0, refused: 0, failed: 1, left: 0 })
  t.match(whole.counts, { signed: 1, refused: 1, failed: 1, left: 2 })
})

t.test('a quarter of an hour later it is forgotten, but for the last error of each code', async (t) => {
  const { history, end, wait, now } = createHistory()
  end('signed')
  const first = now()
  end('HSM_TIMEOUT', { statusCode: 504 })
  wait(15 * MINUTE)
  t.match(history.read().whole.counts, { signed: 1, failed: 1 })
  end('HSM_TIMEOUT', { statusCode: 504 })
  end('NOT_FOUND', { statusCode: 404 })
  wait(15 * SECOND)
  const { whole, errors } = history.read()
  t.match(whole, { counts: { signed: 0, refused: 1, failed: 1 }, half: undefined, most: undefined })
  const lastAt = first + 15 * MINUTE
  t.strictSame(errors, [
    { code: 'HSM_TIMEOUT', statusCode: 504, all: 2, recent: 1, lastAt, requestId: 'request 3' },
    { code: 'NOT_FOUND', statusCode: 404, all: 1, recent: 1, lastAt, requestId: 'request 4' },
  ])
  wait(60 * MINUTE)
  t.match(history.read().whole.counts, { refused: 0, failed: 0 })
})

t.test('after a silence of any length, no old slot is taken for a new one', async (t) => {
  const { history, end, wait } = createHistory()
  end('signed')
  for (const slots of [61, 122, 6_100]) {
    wait(slots * 15 * SECOND)
    t.match(history.read().whole.counts, { signed: 0 })
  }
})

t.test('half, and 19 of 20, took no longer than it says, within a third', async (t) => {
  const { history, end, wait } = createHistory()
  for (let place = 1; place <= 100; place++) end('signed', { seconds: place / 100 })
  end('HSM_TIMEOUT', { statusCode: 504, seconds: 9 })
  wait(15 * SECOND)
  const { half = 0, most = 0 } = history.read().slots.at(-1) ?? {}
  t.ok(half >= 0.5 && half < 0.5 * 1.34, `${half}`)
  t.ok(most >= 0.95 && most < 0.95 * 1.34, `${most}`)
})

t.test('a signature that took longer than all bounds counts as the last one', async (t) => {
  const { history, end } = createHistory()
  end('signed', { seconds: 60 })
  const { half = 0 } = history.read().whole
  t.ok(half > 10 && half < 15, `${half}`)
})

t.test('minutes are the sums of their slots, the latest first', async (t) => {
  const { history, end, wait, now } = createHistory()
  for (let slot = 0; slot < 8; slot++) {
    end('signed')
    wait(15 * SECOND)
  }
  const { minutes } = history.read()
  t.equal(minutes.length, 15)
  t.strictSame(
    minutes.map(({ counts }) => counts.signed),
    [4, 4, ...new Array(13).fill(0)],
  )
  t.equal(minutes[0]?.end, now())
})

t.test('containers below their level are counted by what kept them from it', async (t) => {
  const { history, end } = createHistory()
  end('signed', { shortfall: 'TIMESTAMP_UNAVAILABLE' })
  end('signed')
  t.strictSame([...history.read().shortfalls], [['TIMESTAMP_UNAVAILABLE', 1]])
})
