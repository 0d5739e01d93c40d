import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { encodeMessage, readMessages } from '../../../src/pkcs11/frames.ts'
import {
  FIRST_CHANNEL,
  type FromSignerProcess,
  MAIN_CHANNEL,
  type ToMainThread,
} from '../../../src/pkcs11/messages.ts'
import { endAtOnce } from '../../../src/pkcs11/process/end-at-once.ts'
import { createSigningToken } from '../../support/token.ts'

const MAIN = fileURLToPath(
  new URL(`../../../src/pkcs11/process/entry${extname(import.meta.filename)}`, import.meta.url),
)

/** Starts a signer process with two sessions, whose stderr can be read. */
function start(t: Test): { child: ChildProcess; main: Duplex; tell(message: ToMainThread): void } {
  const child = spawn(process.execPath, [MAIN, String(process.pid), '2'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const main = child.stdio[MAIN_CHANNEL] as Duplex
  return { child, main, tell: (message) => void main.write(encodeMessage(message)) }
}

t.test('an error that nobody has caught is printed, and is the end', async (t) => {
  const printed = t.capture(console, 'error')
  const killed: unknown[] = []
  const error = new Error('nobody has caught this')
  endAtOnce(error, 'uncaughtException', (...args) => killed.push(args))
  t.strictSame(printed.args(), [[error]])
  t.strictSame(killed, [[process.pid, 'SIGKILL']])
})

t.test('one in a session worker ends the signer process, while other workers wait for orders', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const { child, main, tell } = start(t)
  const open: ToMainThread = {
    type: 'open',
    access: {
      module: environment.HSM_MODULE ?? '',
      pin: { file: environment.HSM_PIN_FILE ?? '' },
      token: { label: 'test' },
    },
    keys: [{ selector: {}, certificateOnToken: false }],
  }
  const opened = new Promise<void>((resolve) => {
    const receive = (message: FromSignerProcess) => {
      t.not(message.type, 'open-failed', message)
      if (message.type === 'login-wanted') {
        tell({ type: 'login-allowed' })
      } else if (message.type === 'opened') {
        resolve()
      }
    }
    readMessages(main, receive, () => t.fail('it is a message'))
  })
  tell(open)
  await opened
  for (const session of [0, 1]) {
    tell({ type: 'start', order: { type: 'reopen', session, ticket: 1, key: 0 } })
  }
  t.ok(child.kill('SIGUSR1'), 'which has it listen for no debugger')
  const [stderr] = await Promise.all([
    child.stderr?.toArray(),
    once(child, 'exit').then(([, signal]) => t.equal(signal, 'SIGKILL')),
    (child.stdio[FIRST_CHANNEL] as Duplex).write(Buffer.from([5, 0, 0, 0, 1, 0, 0, 0, 0xff])),
  ])
  t.match(Buffer.concat(stderr ?? []).toString(), /JSON/)
  t.notMatch(Buffer.concat(stderr ?? []).toString(), /Debugger/)
})

t.test('a session is not started before there is a token', async (t) => {
  const { child, tell } = start(t)
  tell({ type: 'start', order: { type: 'reopen', session: 0, ticket: 1, key: 0 } })
  tell({ type: 'close' })
  t.strictSame(await once(child, 'exit'), [0, null])
})
