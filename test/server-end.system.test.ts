import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { startReadyServerProcess, startServerProcess } from './support/server-process.ts'
import { waitUntilReady } from './support/service.ts'
import { allIdle, hsmStatus, isRunning, outcome, rawRequest, signMany, until } from './support/signing.ts'
import { createSigningToken } from './support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const { environment } = module

t.test('SIGTERM: what was accepted is answered, and nothing is left behind', async (t) => {
  module.plan()
  const { child, address, exited, output } = await startReadyServerProcess(t, environment)
  const [signer = 0] = module.processes().slice(-1)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const text = 'before the end'
  const request = { method: 'POST', body: JSON.stringify(rawRequest(text)) }
  t.equal((await send(`${address}/sign`, { ...request, agent })).statusCode, 200, 'over a kept connection')
  await allIdle(address)
  const finalized = module.calls('C_Finalize')
  module.plan('C_Sign hold')
  const answers = Promise.all(Array.from({ length: 8 }, () => send(`${address}/sign`, request)))
  await until('they wait', async () => {
    const { queued, sessions } = await hsmStatus(address)
    return queued + (sessions.busy ?? 0) + (sessions.opening ?? 0) >= 8
  })
  child.kill('SIGTERM')
  await until('it is closing', () => output().includes('finishing what is in flight'))
  module.plan()
  for (const answer of await answers) {
    t.equal(outcome(answer, text, publicKey), 'signed')
  }
  t.same(await exited, { code: 0, signal: null })
  t.notOk(isRunning(signer))
  t.equal(module.calls('C_Finalize'), finalized + 1)
})

t.test(
  'SIGTERM while a body arrives slowly: that is refused, and the service ends as it should',
  async (t) => {
    module.plan()
    const { child, address, exited, output } = await startReadyServerProcess(t, {
      ...{ ...environment, HSM_TIMEOUT_MS: '20000' },
    })
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    t.teardown(() => socket.destroy())
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('error', () => {})
    const head =
      'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n'
    socket.write(`${head}{"data_to_be_signed":"`)
    const writing = setInterval(() => socket.write('A'.repeat(200)), 100)
    t.teardown(() => clearInterval(writing))
    await delay(500)
    child.kill('SIGTERM')
    t.same(await exited, { code: 0, signal: null })
    t.match(received, /^HTTP\/1\.1 503 .*"code":"SERVICE_BUSY"/s)
    t.match(output(), /"msg":"closed"/)
  },
)

t.test('a second SIGTERM ends it at once', async (t) => {
  module.plan()
  const { child, address, exited, output } = await startReadyServerProcess(t, environment)
  const [signer = 0] = module.processes().slice(-1)
  module.plan('C_Sign hang')
  send(`${address}/sign`, { method: 'POST', body: JSON.stringify(rawRequest('lost')) }).catch(() => {})
  await until('it signs', async () => (await hsmStatus(address)).sessions.busy === 1)
  child.kill('SIGTERM')
  await until('it is closing', () => output().includes('finishing what is in flight'))
  child.kill('SIGTERM')
  t.same(await exited, { code: 1, signal: null })
  await until('the signer process has gone, though a call of it hangs', () => !isRunning(signer))
})

t.test('SIGTERM while a session hangs: it ends without waiting for that', async (t) => {
  module.plan()
  const { child, address, exited } = await startReadyServerProcess(t, {
    ...environment,
    HSM_SESSIONS: '3',
    HSM_TIMEOUT_MS: '1000',
  })
  const [signer = 0] = module.processes().slice(-1)
  module.plan('C_Sign hang times=1')
  await until('there is a zombie', async () => {
    await signMany(address, publicKey, 1)
    return (await hsmStatus(address)).sessions.zombie === 1
  })
  const finalized = module.calls('C_Finalize')
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
  t.notOk(isRunning(signer))
  t.equal(module.calls('C_Finalize'), finalized, 'the library is not finalized under a call')
})

t.test('SIGKILL: its signer process ends too', async (t) => {
  module.plan()
  const { child, exited } = await startReadyServerProcess(t, environment)
  const [signer = 0] = module.processes().slice(-1)
  process.kill(signer, 'SIGTERM')
  process.kill(signer, 'SIGINT')
  await delay(200)
  t.ok(isRunning(signer), 'but not by itself')
  child.kill('SIGKILL')
  await exited
  await until('it has gone', () => !isRunning(signer))
})

t.test('a fault in native code ends it, and is told to its supervisor', async (t) => {
  module.plan()
  const { child, exited } = await startReadyServerProcess(t, environment)
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1]}`)
  // Node.js has a listener of its own for SIGSEGV, which ends the process
  const { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE } = constants.signals
  for (const signal of [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE]) {
    t.equal((caught >> BigInt(signal - 1)) & 1n, 0n, `there is no listener for signal ${signal}`)
  }
  child.kill('SIGSEGV')
  t.same(await exited, { code: null, signal: 'SIGSEGV' })
})

t.test('an unexpected error ends it in good order, and without delay', async (t) => {
  module.plan()
  const bug = 'process.on("SIGUSR2", () => { throw new Error("a bug") })'
  const { child, url, exited, output } = startServerProcess(t, {
    ...environment,
    HSM_SESIONS: '2',
    SHUTDOWN_DELAY_MS: '600000',
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(bug)}`,
  })
  const address = await url
  await waitUntilReady(address)
  const [signer = 0] = module.processes().slice(-1)
  child.kill('SIGUSR2')
  t.same(await exited, { code: 1, signal: null })
  t.match(output(), /an unexpected error ends the service/)
  t.match(output(), /HSM_SESIONS: is not a variable that this service knows/)
  await until('the signer process has gone', () => !isRunning(signer))
})
