import t from 'tap'
import { withTimeout } from '../../src/common/with-timeout.ts'

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

t.test('time that passes while the work waits for others is not its own', async (t) => {
  const late = new Error('late')
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
  t.equal(
    await withTimeout(200, late, undefined, async (_, pauseFor) => {
      await pauseFor(sleep(400))
      return 'in time'
    }),
    'in time',
  )
  await t.rejects(
    withTimeout(100, late, undefined, async (signal, pauseFor) => {
      while (!signal.aborted) {
        await sleep(10)
        await pauseFor(sleep(1))
      }
    }),
    late,
    'it has no more time of its own for it',
  )
})

t.test('work that has ended before its turn leaves no timer', async (t) => {
  const before = timers()
  let begin = () => {}
  const others = new Promise<void>((resolve) => {
    begin = resolve
  })
  let paused: Promise<void> | undefined
  await withTimeout(60_000, new Error('late'), undefined, async (_, pauseFor) => {
    paused = pauseFor(others)
  })
  begin()
  await paused
  t.equal(timers(), before)
})
