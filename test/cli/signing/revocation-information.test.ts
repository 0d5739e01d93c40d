import t from 'tap'
import { waitForRevocationInformation } from '../../../src/cli/signing/revocation-information.ts'

/** A key of which so often something is still missing. */
function missing(times: number) {
  const key = {
    asked: 0,
    missingEvidence: () => {
      key.asked += 1
      return key.asked <= times ? ['nobody has answered yet'] : []
    },
  }
  return key
}

t.test('a command waits until nothing is missing', async (t) => {
  const key = missing(2)
  await waitForRevocationInformation(key, 60_000)
  t.equal(key.asked, 3)
})

t.test('but not for ever', async (t) => {
  const key = missing(Number.POSITIVE_INFINITY)
  await waitForRevocationInformation(key, 60)
  t.ok(key.asked >= 1)
})
