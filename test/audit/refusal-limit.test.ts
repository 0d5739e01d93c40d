import t, { type Test } from 'tap'
import type { NewRecord } from '../../src/audit/chain.ts'
import { RefusalLimit } from '../../src/audit/refusal-limit.ts'

/** A limit whose seconds end when the test says so. */
function createLimit(t: Test) {
  const recorded: NewRecord[] = []
  const limit = new RefusalLimit((record) => recorded.push(record))
  t.teardown(() => limit.flush())
  const admit = (count: number, subject: string | undefined, code = 'INVALID_REQUEST') =>
    Array.from({ length: count }, () => limit.admits(subject, code)).filter(Boolean).length
  return { limit, recorded, admit }
}

t.test('a caller has fifty records a second, and all strangers together ten', async (t) => {
  const { limit, recorded, admit } = createLimit(t)
  t.equal(admit(60, 'alice'), 50)
  t.equal(admit(3, 'alice', 'HSM_BUSY'), 0)
  t.equal(admit(50, 'bob'), 50)
  t.equal(admit(12, undefined, 'SIGNING_TOKEN_INVALID'), 10)
  limit.flush()
  t.same(recorded, [
    { kind: 'refusals', subject: 'alice', count: 13, codes: { INVALID_REQUEST: 10, HSM_BUSY: 3 } },
    { kind: 'refusals', count: 2, codes: { SIGNING_TOKEN_INVALID: 2 } },
  ])
  t.equal(admit(60, 'alice'), 50, 'and again in the next second')
})

t.test('the second ends by itself', async (t) => {
  const { recorded, admit } = createLimit(t)
  admit(51, 'alice')
  while (recorded.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.same(recorded, [{ kind: 'refusals', subject: 'alice', count: 1, codes: { INVALID_REQUEST: 1 } }])
  t.equal(admit(1, 'alice'), 1)
})

t.test('beyond a thousand callers those who come are one with the strangers', async (t) => {
  const { limit, recorded, admit } = createLimit(t)
  for (let number = 0; number < 1000; number += 1) {
    admit(1, `caller ${number}`)
  }
  t.equal(admit(20, 'one more') + admit(20, 'another'), 10)
  t.equal(admit(49, 'caller 0'), 49)
  limit.flush()
  t.same(recorded, [{ kind: 'refusals', count: 30, codes: { INVALID_REQUEST: 30 } }])
})
