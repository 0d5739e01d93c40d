/** SIGHUP, and SIGTERM in its way, as operators send them to the process. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { runCommand } from './support/command.ts'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { send } from './support/http.ts'
import { countReloads, reloadStatus, SERIAL_NUMBER, signsWith } from './support/reload.ts'
import { startReadyServerProcess, startServerProcess } from './support/server-process.ts'
import { createSignersFolder } from './support/signers.ts'
import { isRunning, until } from './support/signing.ts'

/** A module that has looking up a name take a second. */
const SLOW_LOOKUP = `
  import dns from 'node:dns/promises'
  import { syncBuiltinESMExports } from 'node:module'
  dns.lookup = async () => {
    console.error('looking up')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return { address: '127.0.0.1', family: 4 }
  }
  syncBuiltinESMExports()
`

const folder = await createSignersFolder(t.testdir())
const house = await folder.addKey('house')
folder.write(['house'])
const module = await createFaultyModule(folder.directory, folder.environment)
const environment = { ...module.environment, SIGNERS_RELOAD_INTERVAL_MS: '0', HSM_SESSIONS: '1' }

/** SIGHUP when the signers file is looked at first, which is before there is an application. */
const EARLY_HANG_UP = `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { accessSync } = fs
fs.accessSync = (path, mode) => {
  if (path === process.env.SIGNERS_FILE) {
    fs.accessSync = accessSync
    syncBuiltinESMExports()
    process.kill(process.pid, 'SIGHUP')
  }
  return accessSync(path, mode)
}
syncBuiltinESMExports()
`

t.test('SIGHUP', async (t) => {
  const { child, address, exited, output } = await startReadyServerProcess(t, environment)
  const log = { log: output }

  t.test('has a renewed certificate and new signers taken over', async (t) => {
    t.equal(await signsWith(address, 'house'), house.certificate.serialNumber)
    const renewed = folder.certify('house')
    const contracts = await folder.addKey('contracts')
    folder.write(['house', 'contracts'])
    child.kill('SIGHUP')
    await until('it is taken over', () => countReloads(log).takenOver === 1)
    t.equal(await signsWith(address, 'house'), renewed.certificate.serialNumber)
    t.equal(await signsWith(address, 'contracts'), contracts.certificate.serialNumber)
  })

  t.test('has a broken file refused, and is no reason to end', async (t) => {
    folder.put('signers.json', '{')
    child.kill('SIGHUP')
    await until('it is refused', () => countReloads(log).refused === 1)
    t.match(
      output(),
      /"level":50,[^\n]*"variable":"SIGNERS_FILE","msg":"SIGNERS_FILE: [^ ]+ is not valid JSON/,
    )
    t.match(await reloadStatus(address), { statusCode: 200, outcome: 'refused', refused: 1 })
    t.match(await signsWith(address, 'contracts'), SERIAL_NUMBER)
  })

  t.test('is forgotten when SIGTERM comes: the takeover does not hold up the end', async (t) => {
    await folder.addKey('late')
    folder.write(['house', 'contracts', 'late'])
    const before = new Set(module.processes())
    module.plan('C_Login hang')
    child.kill('SIGHUP')
    const started = () => module.processes().filter((pid) => !before.has(pid))
    await until('a second signer process asks for its login', () => started().length > 0)
    const began = Date.now()
    child.kill('SIGTERM')
    t.same(await exited, { code: 0, signal: null })
    t.ok(Date.now() - began < 9_000)
    module.plan()
    await until('no signer process is left', () => !module.processes().some(isRunning))
    t.match(countReloads(log), { takenOver: 1, refused: 1 })
    t.notMatch(output().slice(output().indexOf('told to end')), /"level":(50|60)/)
  })
})

t.test(
  'the password of a timestamp authority is there again at SIGHUP, and no signer process has it',
  async (t) => {
    const password = 'tsa-password-4711'
    folder.write(['house'])
    const before = new Set(module.processes())
    const { child, address, exited, output } = await startReadyServerProcess(t, {
      ...{ ...environment, LOG_LEVEL: 'trace', TSA_URL: 'http://127.0.0.1:9' },
      ...{ TSA_USER: 'user', TSA_PASSWORD: password },
    })
    const [pid, ...more] = module.processes().filter((pid) => !before.has(pid))
    t.strictSame(more, [])
    const environ = readFileSync(`/proc/${pid}/environ`, 'latin1')
    t.match(environ, 'TSA_USER=user')
    t.notMatch(environ, password)
    folder.certify('house')
    child.kill('SIGHUP')
    await until('it is taken over', () => countReloads({ log: output }).takenOver === 1)
    t.match(await reloadStatus(address), { outcome: 'taken over' })
    child.kill('SIGTERM')
    t.same(await exited, { code: 0, signal: null })
    t.match(output(), 'TSA_PASSWORD: stays readable')
    t.notMatch(output(), password)
  },
)

t.test('SIGHUP while its configuration is read waits until it has started', async (t) => {
  folder.write(['house'])
  const { child, output, exited } = startServerProcess(t, {
    ...environment,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(EARLY_HANG_UP)}`,
  })
  await until('it is taken over', () => countReloads({ log: output }).takenOver === 1)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('SIGHUP while it starts waits until it has started', async (t) => {
  folder.write(['house'])
  const { child, output, exited } = startServerProcess(t, {
    ...environment,
    // Which has it stand between its assembly and its start for longer
    SIGNING_SERVICE_HOST: 'localhost',
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=data:text/javascript,${encodeURIComponent(SLOW_LOOKUP)}`,
  })
  await until('names are looked up', () => output().includes('looking up'))
  child.kill('SIGHUP')
  await until('it is taken over', () => countReloads({ log: output }).takenOver === 1)
  await until('it signs', () => output().includes('the HSM signs'))
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('SIGHUP has the users of the access taken over', async (t) => {
  const users = folder.path('access.json')
  const access = { ACCESS: 'tokens', ACCESS_FILE: users }
  const add = (name: string) => runCommand(access, 'user', 'add', name)
  const alice = (await add('alice')).stdout.trim()
  const { child, address, exited } = await startReadyServerProcess(t, { ...environment, ...access })
  const status = async (signing_token: string) => {
    const body = JSON.stringify({ action: 'sign_pkcs7', encoded_contents: 'AAAA', signing_token })
    return (await send(`${address}/sign`, { method: 'POST', body })).statusCode
  }
  t.equal(await status(alice), 200)
  const bob = (await add('bob')).stdout.trim()
  await runCommand(access, 'user', 'remove', 'alice')
  t.equal(await status(bob), 401, 'nothing is taken over by itself')
  child.kill('SIGHUP')
  await until('bob is let in', async () => (await status(bob)) === 200)
  t.equal(await status(alice), 401)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})
