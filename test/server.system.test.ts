/** The process as operators see it: how it starts, and what it says when it cannot. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { readLog } from './support/log-lines.ts'
import { startServerProcess } from './support/server-process.ts'
import { waitUntilReady } from './support/service.ts'
import { hsmStatus, signMany, until } from './support/signing.ts'
import { createHiddenToken, createImportedKeyToken, importKey, PIN } from './support/token.ts'

const directory = t.testdir()
const imported = await createImportedKeyToken(directory)
const { keyFile, publicKey, token } = imported
const module = await createFaultyModule(directory, imported.environment)
const environment: Record<string, string> = { ...module.environment, HSM_SESSIONS: '1' }

/** A module that has `localhost` stand for two addresses of this machine, as it does where there is IPv6. */
const TWO_ADDRESSES = `
  import dns from 'node:dns'
  const lookup = dns.lookup
  dns.lookup = (host, options, done) => host === 'localhost' && options.all
    ? done(null, [{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }])
    : lookup(host, options, done)
`

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

t.test('the PIN of the variable is there for the next login where the first one fails', async (t) => {
  module.plan('C_Login return CKR_DEVICE_ERROR times=2')
  const { HSM_PIN_FILE, ...others } = environment
  const { child, url, exited } = startServerProcess(t, { ...others, HSM_PIN: PIN })
  await waitUntilReady(await url)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('warnings of Node.js are lines of the log, once a minute each', async (t) => {
  module.plan()
  const warning = encodeURIComponent(
    'process.on("message", (text) => process.emitWarning(text, "OddWarning"))',
  )
  const options = `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${warning}`
  const { child, url, exited, output } = startServerProcess(t, { ...environment, NODE_OPTIONS: options })
  await url
  for (const text of ['something is odd', 'something else is']) {
    child.send(text)
  }
  await until('a line', async () => output().includes('something is odd'))
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
  t.match(
    readLog(output()).filter(({ msg }) => `${msg}`.startsWith('Node.js warns')),
    [{ level: 40, msg: 'Node.js warns: something is odd' }],
  )
  t.notMatch(output(), /OddWarning|something else is/)
})

t.test('the first line tells versions and configuration in short, and no PIN', async (t) => {
  module.plan()
  const { HSM_PIN_FILE, ...others } = environment
  const { child, url, exited, output } = startServerProcess(t, { ...others, HSM_PIN: PIN })
  await url
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
  const [first] = readLog(output())
  t.match(first, {
    level: 30,
    msg: 'the signing service starts',
    version: /^\d+\.\d+\.\d+$/,
    nodeVersion: process.version,
    configuration: {
      host: '127.0.0.1',
      port: 0,
      signers: { default: 'b-b' },
      tokens: [{ token: 'test', signers: ['default'], pinFile: 'HSM_PIN', module: environment.HSM_MODULE }],
      sessions: 1,
      hashAlgorithms: ['sha256', 'sha384', 'sha512'],
    },
  })
  t.notMatch(output(), PIN)
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
  const elsewhere = join(directory, 'elsewhere')
  const later = await createHiddenToken(token, { elsewhere, label }, (made) => importKey(made, keyFile))
  later.appear()
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
    /\/none\.so does not exist/,
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
  t.match(
    output(),
    /cannot listen \(EADDRINUSE\); choose another SIGNING_SERVICE_HOST or SIGNING_SERVICE_PORT/,
  )
  t.notMatch(output(), /"stack"/)
  t.match(output(), /EADDRINUSE/)
})

t.test('localhost is one address: what came over a second one would not be finished', async (t) => {
  module.plan()
  const { child, url, exited, output } = startServerProcess(t, {
    ...environment,
    SIGNING_SERVICE_HOST: 'localhost',
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(TWO_ADDRESSES)}`,
  })
  await waitUntilReady(await url)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
  t.strictSame(
    [...output().matchAll(/listening at http:..([^:]+)/g)].map(([, host]) => host),
    ['127.0.0.1'],
  )
})
