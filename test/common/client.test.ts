import t from 'tap'
import { Client } from '../../src/common/client.ts'

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

t.test('whoever waits for the end of what is done for a client is told, also afterwards', async (t) => {
  const client = new Client()
  const told: string[] = []
  client.whenFinished(() => told.push('before'))
  client.leave()
  t.same(told, [], 'something is still done for one that has left')
  client.finish()
  t.same(told, ['before'])
  client.whenFinished(() => told.push('after'))
  client.finish()
  t.same(told, ['before', 'after'], 'each once')
})
