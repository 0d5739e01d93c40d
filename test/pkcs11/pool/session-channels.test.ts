import { duplexPair } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { encodeMessage, MessageReader } from '../../../src/pkcs11/frames.ts'
import type { FromSession, StartSession, ToSession } from '../../../src/pkcs11/messages.ts'
import { SessionChannels } from '../../../src/pkcs11/pool/session-channels.ts'

t.test('what is no message is told, and nobody hears what it was', async (t) => {
  const [here, there] = duplexPair()
  const [read, started]: [FromSession[], StartSession[]] = [[], []]
  let garbage = 0
  const channels = new SessionChannels(
    [here],
    (message) => read.push(message),
    (message) => started.push(message),
    () => {
      garbage += 1
    },
  )
  channels.send({ type: 'reopen', session: 7, ticket: 1, key: 0 })
  t.strictSame(started, [{ type: 'start', session: 7, channel: 4 }])
  const opened: FromSession = { type: 'session-opened', session: 7, ticket: 1, seconds: 0.001 }
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

t.test(
  'a session for which there is no channel waits until another has ended, with all that it is told',
  async (t) => {
    const [here, there] = duplexPair()
    const started: StartSession[] = []
    const channels = new SessionChannels(
      [here],
      () => {},
      (message) => started.push(message),
      () => t.fail('there is no garbage'),
    )
    channels.send({ type: 'reopen', session: 1, ticket: 1, key: 0 })
    channels.send({ type: 'reopen', session: 2, ticket: 1, key: 0 })
    channels.send({ type: 'end', session: 2 })
    t.strictSame(started, [{ type: 'start', session: 1, channel: 4 }])
    channels.ended(1)
    channels.ended(1)
    t.strictSame(started.slice(1), [{ type: 'start', session: 2, channel: 4 }])
    await setImmediate()
    t.strictSame(
      new MessageReader<ToSession>().read(there.read()).map(({ type, session }) => `${session} ${type}`),
      ['1 reopen', '2 reopen', '2 end'],
    )
  },
)
