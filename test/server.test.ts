/** The process as operators see it: how it starts, what it says when it cannot, and how it ends. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { startReadyServerProcess, startServerProcess } from './support/server-process.ts'
import { waitUntilReady } from './support/service.ts'
import { hsmStatus, isRunning, outcome, rawRequest, signMany, until } from './support/signing.ts'
import { createToken, importKey, issueCertificates, signingEnvironment } from './support/token.ts'

const directory = t.testdir()
const keyFile = join(directory, 'key.pem')
const publicKey = join(directory, 'key.pub.pem')
execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-out', keyFile], { stdio: 'ignore' })
execFileSync('openssl', ['pkey', '-in', keyFile, '-pubout', '-out', publicKey])
const token = await createToken(join(directory, 'token'))
await importKey(token, keyFile)
const certificates = await issueCertificates(join(directory, 'certificates'), publicKey)
const module = await createFaultyModule(directory, signingEnvironment(token, certificates))
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

t.test('a wrong PIN is tried once', async (t) => {
  module.plan()
  const pin = 'wrong-pin-0815'
  const { HSM_PIN_FILE, ...others } = environment
  const logins = module.calls('C_Login')
  const { child, url, exited, output } = startServerProcess(t, {
    ...others,
    HSM_PIN: pin,
    LOG_LEVEL: 'trace',
  })
  const address = await url
  await until('it is refused', async () => (await hsmStatus(address)).state === 'pin refused')
  t.same(await signMany(address, publicKey, 4), { HSM_UNAVAILABLE: 4 })
  await delay(1_500)
  t.equal(module.calls('C_Login'), logins + 1)
  t.equal((await send(`${address}/health/live`)).statusCode, 200)
  const ready = await send(`${address}/health/ready`)
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { hsm: { state: 'pin refused', reason: /CKR_PIN_INCORRECT/ } })
  t.notMatch(ready.body.toString() + output(), pin)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('it waits for a token that is not there yet', async (t) => {
  module.plan()
  const label = 'made later'
  const { child, url, exited, output } = startServerProcess(t, { ...environment, HSM_TOKEN_LABEL: label })
  const address = await url
  await until('it has looked', () => output().includes('no token fits'))
  t.equal((await send(`${address}/health/live`)).statusCode, 200)
  t.match(await hsmStatus(address), { state: 'unavailable', reason: 'the token is not present' })
  t.match(output(), /there are: label .{0,3}test/)
  await importKey(await createToken(token.directory, label), keyFile)
  await waitUntilReady(address)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('it does not start', async (t) => {
  module.plan()
  const refuses = (name: string, change: Record<string, string>, variable: string, message: RegExp) =>
    t.test(name, async (t) => {
      const { exited, output } = startServerProcess(t, { ...environment, ...change })
      t.same(await exited, { code: 78, signal: null })
      t.match(output(), new RegExp(`"variable":"${variable}"`))
      t.match(output(), message)
    })
  const notALibrary = join(directory, 'library.so')
  writeFileSync(notALibrary, 'not a library')
  refuses(
    'without its library',
    { HSM_MODULE: join(directory, 'none.so') },
    'HSM_MODULE',
    /cannot be read \(ENOENT\)/,
  )
  refuses(
    'with a file that is none',
    { HSM_MODULE: notALibrary },
    'HSM_MODULE',
    /cannot be loaded as a PKCS#11 library/,
  )
  refuses('without its key', { HSM_KEY_LABEL: 'none' }, 'HSM_KEY_LABEL', /there are: label .{0,3}signer/)
})

t.test('the port is taken', async (t) => {
  module.plan()
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const { exited, output } = startServerProcess(t, { ...environment, SIGNING_SERVICE_PORT: `${port}` })
  t.same(await exited, { code: 1, signal: null })
  t.match(output(), /cannot listen; choose another SIGNING_SERVICE_HOST or SIGNING_SERVICE_PORT/)
  t.match(output(), /EADDRINUSE/)
})

t.test('an unexpected error ends it in good order', async (t) => {
  module.plan()
  const bug = 'process.on("SIGUSR2", () => { throw new Error("a bug") })'
  const { child, url, exited, output } = startServerProcess(t, {
    ...environment,
    HSM_SESIONS: '2',
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
