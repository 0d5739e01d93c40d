/** How often a page is made that many ask for, by an injected clock. */
import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import t from 'tap'
import { sharePage } from '../../src/plugins/shared-page.ts'

t.test('pages that take long are made less often, and for all who wait', async (t) => {
  let now = 1_000
  mock.method(performance, 'now', () => now)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => {
    mock.restoreAll()
    mock.timers.reset()
  })
  const pass = async (ms: number) => {
    now += ms
    mock.timers.tick(ms)
    await new Promise(setImmediate)
  }
  let made = 0
  const page = sharePage(() => {
    made += 1
    now += 100
    if (made === 3) {
      throw new Error('no page')
    }
    return made
  })
  const first = page()
  await pass(1)
  t.equal(await first, 1)
  const waiting = [page()]
  await pass(300)
  waiting.push(page(), page())
  t.equal(made, 1, 'whoever asks in another turn waits')
  await pass(100)
  t.strictSame(await Promise.all(waiting), [2, 2, 2], 'and gets a page that was made after he asked')
  const failed = Promise.all([page(), page()]).catch(({ message }) => message)
  await pass(400)
  t.equal(await failed, 'no page')
  const after = page()
  await pass(399)
  t.equal(made, 3)
  await pass(1)
  t.equal(await after, 4, 'one that failed is made again')
})
