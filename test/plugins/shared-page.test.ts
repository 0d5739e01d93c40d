/** How often a page is made that many ask for, by an injected clock. */
import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
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
    await new Promise(setImmediate)
    now += ms
    mock.timers.tick(ms)
    await new Promise(setImmediate)
  }
  let [made, takes] = [0, 100]
  const page = sharePage(() => {
    made += 1
    now += takes
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

  takes = 20_000
  const long = page()
  await pass(400)
  t.equal(await long, 5)
  const soon = page()
  await pass(500)
  t.equal(await soon, 6, 'no rest is longer than half a second')
})

t.test('one is made after another, and without a warning of Node.js', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  let [atOnce, most] = [0, 0]
  const page = sharePage(async () => {
    atOnce += 1
    most = Math.max(most, atOnce)
    await delay(20)
    atOnce -= 1
  })
  const all = [page()]
  for (let turn = 0; turn < 3; turn++) {
    await delay(10)
    all.push(page())
  }
  await Promise.all(all)
  await delay(100)
  await page()
  t.equal(most, 1)
  t.strictSame(warnings, [])
})
