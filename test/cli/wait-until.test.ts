import t from 'tap'
import { waitUntil } from '../../src/cli/wait-until.ts'

t.test('a command waits until something is so', async (t) => {
  let asked = 0
  const isSo = () => {
    asked += 1
    return asked === 3
  }
  t.equal(await waitUntil(60_000, isSo), true)
  t.equal(asked, 3)
})

t.test('but not for ever', async (t) => {
  t.equal(await waitUntil(60, () => false), false)
})
