import { duplexPair } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { FromSession, StartSession } from '../../src/pkcs11/messages.ts'
import { SessionChannels } from '../../src/pkcs11/session-channels.ts'
import { encodeFromSession } from '../../src/pkcs11/session-frames.ts'

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
  there.write(encodeFromSession(opened))
  await setImmediate()
  t.strictSame(read, [opened])
  there.write(Buffer.from([5, 0, 0, 0, 1, 0, 0, 0, 0xff]))
  await setImmediate()
  t.equal(garbage, 1)
  t.equal(read.length, 1)
})
