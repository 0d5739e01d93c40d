/** What costs the signer process, and that the next one goes on where it ended. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startReadyService } from '../../support/service.ts'
import { hsmStatus, signMany, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const environment = { ...module.environment, HSM_TIMEOUT_MS: '20000' }

t.test('failures that cost the signer process', async (t) => {
  module.plan()
  const service = await startReadyService(t, environment)
  const lastProcess = () => module.processes().at(-1) ?? 0

  t.test('the library crashes in C_Sign', async (t) => {
    module.plan('C_Sign crash SIGSEGV after=5 times=1')
    const before = lastProcess()
    t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
    t.match(service.log(), /the signer process ended \(signal SIGSEGV\)/)
    t.not(lastProcess(), before)
  })

  t.test('the signer process is killed', async (t) => {
    module.plan('C_Sign hold')
    const requests = signMany(service.url, publicKey, 16)
    const before = module.calls('C_Sign')
    await until('both sessions sign', () => module.calls('C_Sign') >= before + 2)
    process.kill(lastProcess(), 'SIGKILL')
    module.plan()
    t.same(await requests, { signed: 16 })
    await service.ready()
  })

  t.test('it is lost after a long time: the next one is started at once', async (t) => {
    // Processes are started once a second at most
    await delay(1_000)
    process.kill(lastProcess(), 'SIGKILL')
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
    t.equal(
      service
        .log()
        .match(/"delayMs":\d+/g)
        ?.at(-1),
      '"delayMs":0',
    )
  })
})

t.test('a token that goes away', async (t) => {
  module.plan()

  t.test('is found again when it comes back', async (t) => {
    const service = await startReadyService(t, environment)
    module.plan('* absent')
    const requests = signMany(service.url, publicKey, 4)
    await until('it is noticed', async () => (await hsmStatus(service.url)).state === 'unavailable')
    await until('a new process looks for it', () => service.log().includes('no token fits'))
    module.plan()
    const outcomes = await requests
    t.equal((outcomes.signed ?? 0) + (outcomes.HSM_UNAVAILABLE ?? 0), 4, 'each has a clear answer')
    await service.ready()
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })

  t.test('or is there and does not sign: 503 at once or at the deadline, until it does', async (t) => {
    const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '3000' })
    const before = module.processes().length
    module.plan('C_Sign return CKR_GENERAL_ERROR')
    t.same(await signMany(service.url, publicKey, 4), { HSM_UNAVAILABLE: 4 })
    await until('the process is replaced', () => module.processes().length > before)
    t.equal((await hsmStatus(service.url)).state, 'unavailable')
    module.plan()
    await service.ready()
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })
})
