import { fork } from 'node:child_process'
import { on, once } from 'node:events'
import { extname } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { ToMainThread } from '../../../src/pkcs11/messages.ts'
import { endAtOnce } from '../../../src/pkcs11/process/end-at-once.ts'
import { createSigningToken } from '../../support/token.ts'

const MAIN = fileURLToPath(
  new URL(`../../../src/pkcs11/process/entry${extname(import.meta.filename)}`, import.meta.url),
)

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
  const child = fork(MAIN, [String(process.pid)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const open: ToMainThread = {
    type: 'open',
    access: {
      module: environment.HSM_MODULE ?? '',
      pin: { file: environment.HSM_PIN_FILE ?? '' },
      token: { label: 'test' },
    },
    keys: [{ selector: {}, certificateOnToken: false }],
  }
  child.send(open)
  for await (const [message] of on(child, 'message')) {
    t.not(message.type, 'open-failed', message)
    if (message.type === 'login-wanted') {
      child.send({ type: 'login-allowed' } satisfies ToMainThread)
    } else if (message.type === 'opened') {
      break
    }
  }
  for (const session of [0, 1]) {
    child.send({ type: 'start', number: session })
  }
  t.ok(child.kill('SIGUSR1'), 'which has it listen for no debugger')
  const [stderr] = await Promise.all([
    child.stderr?.toArray(),
    once(child, 'exit').then(([, signal]) => t.equal(signal, 'SIGKILL')),
    (child.stdio[4] as Writable).write(Buffer.from([5, 0, 0, 0, 1, 0, 0, 0, 0xff])),
  ])
  t.match(Buffer.concat(stderr ?? []).toString(), /JSON/)
  t.notMatch(Buffer.concat(stderr ?? []).toString(), /Debugger/)
})

t.test('a session is not started before there is a token', async (t) => {
  const child = fork(MAIN, [String(process.pid)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  child.send({ type: 'start', number: 0 })
  child.send({ type: 'close' })
  t.strictSame(await once(child, 'exit'), [0, null])
})
