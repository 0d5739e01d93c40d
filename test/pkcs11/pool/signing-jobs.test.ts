/** Jobs wait for sessions that are not there up to a limit, and further ones are refused at once. */
import t from 'tap'
import { HSM_BUSY, HSM_UNAVAILABLE } from '../../../src/errors.ts'
import { SigningJobs, type SigningJobsOptions } from '../../../src/pkcs11/pool/signing-jobs.ts'
import type { SigningInput } from '../../../src/pkcs11/signing-input.ts'

function start({ isReady, isAway }: { isReady: boolean; isAway: boolean }) {
  const jobs = new SigningJobs({
    ...{ limit: 100, observer: {}, isUnavailableUntil: () => false, retestKey() {} },
    ...{ isReady: () => isReady, isAway: () => isAway },
  } as unknown as SigningJobsOptions)
  const sign = () => jobs.sign({ key: 0 } as SigningInput, { deadline: performance.now() + 500 })
  return { jobs, sign }
}

for (const [what, state, most, error] of [
  ['that was just lost', { isReady: false, isAway: false }, 100, HSM_UNAVAILABLE],
  ['in which nothing is signed for long', { isReady: false, isAway: true }, 64, HSM_UNAVAILABLE],
  ['that has much to do', { isReady: true, isAway: false }, 100, HSM_BUSY],
] as const) {
  t.test(`${most} wait for a token ${what}`, async (t) => {
    const { jobs, sign } = start(state)
    const waiting = Array.from({ length: most }, () => sign().catch(({ code }) => code))
    await t.rejects(sign(), new error(), 'one more is refused at once')
    t.equal(jobs.waiting, most)
    await Promise.all(waiting)
    t.equal(jobs.waiting, 0)
  })
}
