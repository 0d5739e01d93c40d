/** What the chaos suite is for: that it says so when something does not hold. */
import t from 'tap'
import { missed } from './expectations.ts'
import type { Answered } from './load.ts'
import { replaceTables } from './page.ts'
import { type Result, summarize } from './result.ts'
import { planned } from './scenario.ts'

const LIMITS = { recoveredMs: 2_000, deadlineMs: 4_000, answeredMs: 5_000 }
const plain = planned({ name: 'plain', what: 'a fault' })
const unnoticed = planned({ name: 'unnoticed', what: 'a fault', unnoticed: true })
const pin = planned({ name: 'pin', what: 'a fault', server: 'wrong PIN', ends: 'pin refused' })

const good: Result = {
  name: 'plain',
  what: 'a fault',
  requests: 10,
  signed: 10,
  refused: {},
  wrong: 0,
  unanswered: 0,
  longestMs: 100,
  stayedReady: false,
  recoveredMs: 300,
  state: 'ready',
  sameProcess: true,
  replaced: 0,
  logins: 1,
  p99: { signed: 50, refused: 0 },
  notes: [],
}
const refused: Result = {
  ...good,
  signed: 0,
  refused: { '503 HSM_UNAVAILABLE': 10 },
  recoveredMs: undefined,
  state: 'pin refused',
}

t.test('all is well', async (t) => {
  t.strictSame(missed(plain, good, LIMITS), [])
  t.strictSame(missed(unnoticed, good, LIMITS), [])
  t.strictSame(missed(plain, { ...good, refused: { '504 HSM_TIMEOUT': 1 } }, LIMITS), [])
  t.strictSame(
    missed(plain, { ...good, recoveredMs: 9_000 }, { deadlineMs: 4_000, answeredMs: 5_000 }),
    [],
    'no limit of time',
  )
  t.strictSame(missed(pin, refused, LIMITS), [])
})

t.test('what does not hold is told', async (t) => {
  const faults: [Parameters<typeof missed>[0], Partial<Result>, string][] = [
    [plain, { wrong: 1 }, '1 wrong signatures'],
    [plain, { unanswered: 2 }, '2 unanswered'],
    [plain, { sameProcess: false }, 'the HTTP process ended'],
    [plain, { longestMs: 5_001 }, 'an answer after 5001 ms'],
    [plain, { p99: { signed: 4_001, refused: 1 } }, 'more than one in 100 signed after the deadline'],
    [plain, { recoveredMs: undefined }, 'not ready again'],
    [plain, { recoveredMs: 2_001 }, 'ready again after more than 2000 ms'],
    [plain, { signed: 0 }, 'nothing was signed'],
    [unnoticed, { refused: { '504 HSM_TIMEOUT': 1, '503 HSM_BUSY': 2 } }, '3 failed requests'],
    [pin, { logins: 2 }, 'C_Login was called 2 times'],
    [pin, { state: 'unavailable' }, 'the state is unavailable'],
    [pin, { signed: 1 }, '1 signatures with a wrong PIN'],
    [pin, { refused: {} }, 'nothing was refused'],
    [pin, { stayedReady: true }, 'ready all the time'],
    [
      pin,
      { refused: { '503 HSM_UNAVAILABLE': 1, '504 HSM_TIMEOUT': 1 } },
      'answers beside HSM_UNAVAILABLE: 504 HSM_TIMEOUT',
    ],
  ]
  for (const [scenario, change, message] of faults) {
    const result = { ...(scenario === pin ? refused : good), ...change }
    t.strictSame(missed(scenario, result, LIMITS), [message])
  }
})

t.test('answers are summed up', async (t) => {
  const answered: Answered[] = [
    { sentAt: 0, answeredAt: 900, outcome: 'signed' },
    { sentAt: 1_000, answeredAt: 1_010, outcome: 'signed' },
    { sentAt: 1_001, answeredAt: 1_002, outcome: '503 HSM_BUSY' },
    { sentAt: 2_000, answeredAt: 2_300, outcome: 'unanswered' },
    { sentAt: 2_000, answeredAt: 2_300, outcome: 'wrong signature' },
  ]
  t.match(summarize(answered, { begin: 1_000, end: 2_000 }), {
    requests: 5,
    signed: 2,
    refused: { '503 HSM_BUSY': 1 },
    wrong: 1,
    unanswered: 1,
    longestMs: 900,
    p99: { signed: 10, refused: 1 },
  })
})

t.test('the tables of a page are replaced, and nothing else', async (t) => {
  const page = 'before\n<!-- chaos:begin -->\nold\n<!-- chaos:end -->\nafter\n'
  const replaced = replaceTables(page, { seconds: 5, rows: [['name', '10']], growth: undefined })
  t.match(
    replaced,
    /^before\n<!-- chaos:begin -->\n\nFaults of 5 s[\s\S]*\| name \| 10 \|\n\n<!-- chaos:end -->\nafter\n$/,
  )
  t.notMatch(replaced, 'old')
  t.equal(replaceTables(replaced, { seconds: 5, rows: [['name', '10']], growth: undefined }), replaced)
  t.throws(
    () => replaceTables('no marks', { seconds: 5, rows: [], growth: undefined }),
    /has no <!-- chaos:begin -->/,
  )
})
