import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Admission } from '../../src/pkcs11/admission.ts'
import { JobQueue } from '../../src/pkcs11/job-queue.ts'
import { ServiceTime } from '../../src/pkcs11/service-time.ts'
import { SigningJob } from '../../src/pkcs11/signing-job.ts'
import { inputFor } from '../support/played-sessions.ts'

t.test('a request whose deadline has passed while it waited was not too many', async (t) => {
  const queue = new JobQueue()
  const admission = new Admission(queue, 8, new ServiceTime())
  const job = new SigningJob(inputFor('work'), performance.now() + 20, (late) => late.fail(new Error('late')))
  queue.add(job)
  const capacity = { idle: 0, signing: 0 }
  t.same(admission.tooLate(capacity), [])
  const passed = delay(30)
  await t.rejects(job.signature, { message: 'late' })
  await passed
  t.same(admission.tooLate(capacity), [], 'its deadline tells it so')
})
