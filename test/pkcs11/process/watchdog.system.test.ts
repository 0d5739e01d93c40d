import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { WatchdogData } from '../../../src/pkcs11/process/watchdog.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startServerProcess } from '../../support/server-process.ts'
import { isRunning, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const WATCHDOG = new URL(
  `../../../src/pkcs11/process/watchdog${extname(import.meta.filename)}`,
  import.meta.url,
)

/** Has a watchdog in this process watch for the parent, and a process that it may end. */
function watch(t: Test, parent: number): { sleeper: ChildProcess; watchdog: Worker } {
  const sleeper = spawn('sleep', ['600'])
  const workerData: WatchdogData = { parent, pid: sleeper.pid ?? 0, closeMs: 100 }
  const watchdog = new Worker(WATCHDOG, { workerData })
  t.teardown(() => watchdog.terminate())
  t.teardown(() => sleeper.kill('SIGKILL'))
  return { sleeper, watchdog }
}

t.test('a process whose parent is another one than before is ended', async (t) => {
  const { sleeper, watchdog } = watch(t, process.ppid + 1)
  const finished = once(watchdog, 'exit')
  t.same(await once(sleeper, 'exit'), [null, 'SIGKILL'])
  t.same(await finished, [0])
})

t.test('a process whose parent is there is left alone', async (t) => {
  const { sleeper } = watch(t, process.ppid)
  await delay(3_000)
  t.equal(sleeper.signalCode, null)
})

t.test('a signer process that hangs at its login ends after the HTTP process was killed', async (t) => {
  const directory = t.testdir()
  const { environment } = await createSigningToken(directory)
  const module = await createFaultyModule(directory, environment, 'C_Login hang')
  const { child, exited } = startServerProcess(t, module.environment)
  await until('it logs in', () => module.calls('C_Login') === 1)
  const [signer = 0] = module.processes()
  child.kill('SIGKILL')
  await exited
  t.ok(isRunning(signer), 'not by itself')
  await until('it has gone', () => !isRunning(signer))
})
