import t from 'tap'
import { Client } from '../src/client.ts'

t.test('all who wait are told that a client leaves, when it does', async (t) => {
  const client = new Client()
  let told = 0
  client.onLeave(() => {
    told += 1
  })
  client.onLeave(() => {
    told += 1
  })
  const signal = client.signal()
  t.notOk(client.hasLeft)
  t.notOk(signal.aborted)
  t.equal(told, 0)
  client.leave()
  t.ok(client.hasLeft)
  t.ok(signal.aborted)
  t.equal(told, 2)
})

t.test('a signal for a client that has left is aborted', async (t) => {
  const client = new Client()
  client.leave()
  t.ok(client.signal().aborted)
})
