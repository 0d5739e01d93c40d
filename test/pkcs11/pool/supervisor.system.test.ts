/** The life of signer processes: how they are started, and started again. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startReadyService, startService } from '../../support/service.ts'
import { hsmStatus, isRunning, rawRequest, signMany, until } from '../../support/signing.ts'
import { createSigningToken, createToken } from '../../support/token.ts'

const directory = t.testdir()
const signing = await createSigningToken(directory)
const { publicKey } = signing
const module = await createFaultyModule(directory, signing.environment)
const environment: Record<string, string> = { ...module.environment, HSM_SESSIONS: '1' }

t.test('a signer process that cannot be started is started later', async (t) => {
  const restore = t.intercept(process, 'execPath', { value: join(directory, 'no-such-program') })
  const service = await startService(t, environment)
  await until('it fails', () => service.log().includes('ENOENT'))
  restore.restore()
  await service.ready()
  t.equal(service.misconfigured.length, 0)
})

t.test('a token that fails or does not answer is opened by another process', async (t) => {
  const { setTimeout } = globalThis
  let giveUp = () => {}
  t.intercept(globalThis, 'setTimeout', {
    value: Object.assign((act: () => void, ms?: number, ...rest: []) => {
      giveUp = ms === 30_000 ? act : giveUp
      return setTimeout(act, ms, ...rest)
    }, setTimeout),
  })
  const logins = module.calls('C_Login')
  module.plan('C_Login return CKR_DEVICE_ERROR times=1', 'C_Login hang times=1')
  const service = await startService(t, environment)
  await until('it hangs', () => module.calls('C_Login') === logins + 2)
  const [pid = 0] = module.processes().slice(-1)
  giveUp()
  await service.ready()
  t.match(service.log(), /the token cannot be opened: C_Login CKR_DEVICE_ERROR/)
  t.match(service.log(), /the token does not answer/)
  t.notOk(isRunning(pid))
})

t.test('a token that fails is opened by the same process a second later', async (t) => {
  const processes = new Set(module.processes()).size
  module.plan('C_Login return CKR_DEVICE_ERROR times=1', 'C_Finalize return CKR_GENERAL_ERROR times=1')
  const service = await startService(t, environment)
  await service.ready()
  t.match(service.log(), /the token cannot be opened: C_Login CKR_DEVICE_ERROR/)
  t.equal(new Set(module.processes()).size, processes + 1)
})

t.test('a login that is never answered may be with a wrong PIN: it is tried three times', async (t) => {
  module.plan('C_Login hang')
  const logins = module.calls('C_Login')
  const service = await startService(t, environment)
  for (let count = 1; count <= 3; count++) {
    await until('it hangs', () => module.calls('C_Login') === logins + count)
    process.kill(module.processes().at(-1) ?? 0, 'SIGKILL')
  }
  await until('it is given up', async () => (await hsmStatus(service.url)).state === 'pin refused')
  t.match(await hsmStatus(service.url), { reason: 'the token does not answer the login' })
  t.equal((await service.sign(rawRequest('refused'))).json().code, 'HSM_UNAVAILABLE')
  t.equal(module.calls('C_Login'), logins + 3)
})

t.test('what the configuration names has gone', async (t) => {
  module.plan()
  const service = await startReadyService(t, environment)
  const [pid = 0] = module.processes().slice(-1)
  const pin = environment.HSM_PIN_FILE ?? ''
  renameSync(pin, `${pin}.gone`)
  process.kill(pid, 'SIGKILL')
  await until('it is noticed', () => service.log().includes('no longer fits the configuration'))
  t.equal(service.misconfigured.length, 0, 'a service that has signed is not stopped')
  t.match(await hsmStatus(service.url), { state: 'unavailable', reason: 'the PIN cannot be read' })
  renameSync(`${pin}.gone`, pin)
  await service.ready()
  t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
})

t.test('a key that has gone is told with its variable, and its token not logged at each try', async (t) => {
  module.plan()
  const service = await startReadyService(t, environment)
  const { processes } = module
  const openings = () => service.log().match(/"msg":"token opened"/g)?.length ?? 0
  t.equal(openings(), 1)
  const before = new Set(processes()).size
  module.plan('C_FindObjects find-nothing')
  process.kill(processes().at(-1) ?? 0, 'SIGKILL')
  await until('it was tried again and again', () => new Set(processes()).size >= before + 4)
  await until('it is known', async () => (await hsmStatus(service.url)).state === 'unavailable')
  t.match(await hsmStatus(service.url), {
    reason: 'the keys on the token do not fit the configuration (HSM_KEY_LABEL); the log has the details',
  })
  t.match(service.log(), 'no longer fits the configuration: HSM_KEY_LABEL: no private key fits')
  t.equal(openings(), 2, 'what is found at each try is logged once')
  module.plan()
  await service.ready()
  t.equal(openings(), 3)
  process.kill(processes().at(-1) ?? 0, 'SIGKILL')
  await until('it is opened again after it signed', () => openings() === 4)
})

t.test('another token in the place of the one that signed is not told the PIN', async (t) => {
  module.plan()
  const folder = join(directory, 'exchanged')
  const one = await createSigningToken(folder)
  const { HSM_TOKEN_LABEL: _, ...unnamed } = one.environment
  const faulty = await createFaultyModule(folder, unnamed)
  const service = await startReadyService(t, { ...faulty.environment, HSM_SESSIONS: '1' })
  const tokens = join(one.token.directory, 'tokens')
  renameSync(tokens, `${tokens}.away`)
  mkdirSync(tokens)
  await createToken(one.token.directory, 'another')
  const logins = faulty.calls('C_Login')
  process.kill(faulty.processes().at(-1) ?? 0, 'SIGKILL')
  await until('it is noticed', () => service.log().includes('no token fits label test; there are: label'))
  t.match(await hsmStatus(service.url), { state: 'unavailable', reason: 'the token is not present' })
  t.equal(faulty.calls('C_Login'), logins)
  rmSync(tokens, { recursive: true })
  renameSync(`${tokens}.away`, tokens)
  await service.ready()
  t.same(await signMany(service.url, one.publicKey, 1), { signed: 1 })
})
