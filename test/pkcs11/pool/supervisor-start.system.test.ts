/** How the supervisor takes what goes wrong before a signer process signs. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { loadSigners } from '../../../src/configuration/load.ts'
import type { SignerConfiguration } from '../../../src/configuration/signer-configuration.ts'
import type { PoolOptions } from '../../../src/pkcs11/pool/pool-options.ts'
import { Supervisor } from '../../../src/pkcs11/pool/supervisor.ts'
import { createPoolKey } from '../../../src/signers/key-request.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { HSM, observe } from '../../support/played-sessions.ts'
import { until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const directory = t.testdir()
const signing = await createSigningToken(directory)
const module = await createFaultyModule(directory, signing.environment)
const { environment } = module
const token = readToken(environment)

function readToken(variables: Record<string, string>): Pick<PoolOptions, 'hsm' | 'access' | 'keys'> {
  const [signer] = loadSigners(variables).signers.signers as [SignerConfiguration]
  return { hsm: { ...HSM, sessions: 1 }, access: signer.access, keys: [createPoolKey(signer, () => {})] }
}

/** A supervisor that tells what becomes of it; `onOpened` throws that error. */
function supervise(t: Test, error: Error = new Error('not opened'), opened = token) {
  const lines = new PassThrough()
  let log = ''
  lines.on('data', (chunk) => {
    log += chunk
  })
  const ignore = () => {}
  const observed: string[] = []
  const options = { ...opened, onMisconfigured: ignore, log: pino(lines), observer: observe(observed) }
  const supervisor = new Supervisor(options, {
    onOpened: () => {
      throw error
    },
    onMessage: ignore,
    onLost: ignore,
  })
  t.teardown(() => supervisor.close())
  return { supervisor, log: () => log, observed }
}

t.test('a signer process that the system refuses to start is started later', async (t) => {
  t.test('for its arguments', async (t) => {
    const restore = t.intercept(process, 'execPath', { value: 'no\0program' })
    const { supervisor } = supervise(t)
    supervisor.start()
    t.match(supervisor.state, {
      state: 'unavailable',
      reason: 'the signer process cannot be started (ERR_INVALID_ARG_VALUE)',
    })
    restore.restore()
  })

  t.test('for want of file descriptors', async (t) => {
    const limits = execFileSync('prlimit', [
      '--pid',
      `${process.pid}`,
      '--nofile',
      '--output',
      'SOFT',
      '--noheadings',
    ])
    // Started while it can be
    const raise = spawn(
      'sh',
      ['-c', `read _; prlimit --pid ${process.pid} --nofile=${`${limits}`.trim()}:`],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    )
    const raised = once(raise, 'exit')
    const { supervisor, log } = supervise(t, new Error('a bug'))
    execFileSync('prlimit', ['--pid', `${process.pid}`, '--nofile=3:'])
    supervisor.start()
    raise.stdin.end('\n')
    await raised
    // What `onOpened` throws shows that the next one was started, and does not end the service either
    await until('the next one has opened the token', () => /the token cannot be used/.test(log()))
    t.match(log(), /the signer process ended \(EMFILE\)/)
    t.match(log(), /a bug/)
    t.equal(supervisor.state.state, 'unavailable')
  })
})

t.test(
  'a process that finds no token for a minute is replaced: its library may be what is broken',
  async (t) => {
    module.plan('* absent')
    const processes = new Set(module.processes()).size
    const { supervisor, log, observed } = supervise(t)
    supervisor.start()
    await until('it has looked', () => log().includes('no token fits'))
    t.equal(observed.length, 0)
    const { now } = performance
    const later = t.intercept(performance, 'now', { value: () => now.call(performance) + 60_000 })
    await until('another looks', () => new Set(module.processes()).size === processes + 2)
    later.restore()
    t.same(observed, ['restarted hsm'])
    t.match(supervisor.state, { state: 'unavailable', reason: 'the token is not present' })
  },
)

t.test('a login that fails for reasons that only the vendor knows is not repeated', async (t) => {
  module.plan('C_Login return 0x80000001')
  const logins = module.calls('C_Login')
  const { supervisor, log } = supervise(t)
  supervisor.start()
  await until('it has failed', () => supervisor.state.state !== 'starting')
  t.match(supervisor.state, { state: 'pin refused', reason: 'the token refused the PIN (0x80000001)' })
  t.match(log(), 'lock the user: correct the file of HSM_PIN_FILE, then send SIGHUP')
  // The next try would have been at once
  await delay(500)
  t.equal(module.calls('C_Login'), logins + 1)
})

t.test('a token that says something about the PIN in another call is not asked again either', async (t) => {
  module.plan('C_OpenSession return CKR_PIN_EXPIRED')
  const logins = module.calls('C_Login')
  const { supervisor } = supervise(t)
  supervisor.start()
  await until('it has failed', () => supervisor.state.state !== 'starting')
  t.match(supervisor.state, { state: 'pin refused', reason: 'the token refused the PIN (CKR_PIN_EXPIRED)' })
  t.equal(module.calls('C_Login'), logins)
})

t.test('a PIN of a variable, of which no signal tells a new one, takes a restart', async (t) => {
  const { HSM_PIN_FILE: _, ...others } = environment
  process.env.HSM_PIN = 'wrong-pin'
  t.teardown(() => {
    delete process.env.HSM_PIN
  })
  const { supervisor, log } = supervise(t, undefined, readToken({ ...others, HSM_PIN: 'wrong-pin' }))
  supervisor.start()
  await until('it has failed', () => supervisor.state.state !== 'starting')
  t.equal(supervisor.state.state, 'pin refused')
  t.match(log(), 'lock the user: correct HSM_PIN, then restart')
})
