import { type Duplex, duplexPair } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { encodeMessage, MessageReader } from '../../../src/pkcs11/frames.ts'
import type { FromSession, ToSession } from '../../../src/pkcs11/messages.ts'
import { SessionChannels } from '../../../src/pkcs11/pool/session-channels.ts'

t.test('what is no message is told, and nobody hears what it was', async (t) => {
  const [here, there] = duplexPair()
  const [read, started]: [FromSession[], number[]] = [[], []]
  let garbage = 0
  const channels = new SessionChannels(
    [here],
    (message) => read.push(message),
    (session) => started.push(session),
    () => {
      garbage += 1
    },
  )
  channels.send({ type: 'reopen', session: 0, ticket: 1, key: 0 })
  t.strictSame(started, [0])
  const opened: FromSession = { type: 'session-opened', session: 0, ticket: 1, seconds: 0.001 }
  there.write(encodeMessage(opened))
  await setImmediate()
  t.strictSame(read, [opened])
  there.write(Buffer.from([5, 0, 0, 0, 1, 0, 0, 0, 0xff]))
  await setImmediate()
  t.equal(garbage, 1)
  t.equal(read.length, 1)
})

t.test('text that a library prints into a channel is told at once, and not taken for a length', async (t) => {
  const [here, there] = duplexPair()
  let garbage = 0
  new SessionChannels(
    [here],
    () => t.fail('there is no message'),
    () => t.fail('no session is started'),
    () => {
      garbage += 1
    },
  )
  there.write('error\n')
  await setImmediate()
  t.equal(garbage, 1)
})

t.test('a session is started when it is first told something, and told all by its own channel', async (t) => {
  const pairs = [duplexPair(), duplexPair()]
  const started: number[] = []
  const channels = new SessionChannels(
    pairs.map(([here]) => here as Duplex),
    () => {},
    (session) => started.push(session),
    () => t.fail('there is no garbage'),
  )
  channels.send({ type: 'reopen', session: 1, ticket: 1, key: 0 })
  channels.send({ type: 'reopen', session: 0, ticket: 1, key: 0 })
  channels.send({ type: 'end', session: 1 })
  t.strictSame(started, [1, 0])
  await setImmediate()
  const told = pairs.map(([, there]) =>
    new MessageReader<ToSession>().read((there as Duplex).read()).map(({ type, session }) => [type, session]),
  )
  t.strictSame(told, [
    [['reopen', 0]],
    [
      ['reopen', 1],
      ['end', 1],
    ],
  ])
})
