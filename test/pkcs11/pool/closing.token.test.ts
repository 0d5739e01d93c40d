/** The end of the service, whatever its signer process is doing. */
import t from 'tap'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startReadyService, startService } from '../../support/service.ts'
import { hsmStatus, isRunning, rawRequest, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const directory = t.testdir()
const signing = await createSigningToken(directory)
const module = await createFaultyModule(directory, signing.environment)
const environment: Record<string, string> = { ...module.environment, HSM_SESSIONS: '1' }

t.test('the service ends', async (t) => {
  t.test('while the token is opened', async (t) => {
    module.plan('C_Login delay 500')
    const service = await startService(t, environment)
    const logins = module.calls('C_Login')
    await until('it logs in', () => module.calls('C_Login') > logins)
    const [pid = 0] = module.processes().slice(-1)
    await service.app.close()
    t.notOk(isRunning(pid))
  })

  t.test('while sessions are opened', async (t) => {
    module.plan('C_OpenSession delay 300')
    const service = await startService(t, { ...environment, HSM_SESSIONS: '5' })
    const opened = module.calls('C_OpenSession')
    await until('the second session is opened', () => module.calls('C_OpenSession') >= opened + 3)
    const [pid = 0] = module.processes().slice(-1)
    const finalized = module.calls('C_Finalize')
    await service.app.close()
    t.notOk(isRunning(pid))
    t.equal(module.calls('C_Finalize'), finalized + 1)
    t.notMatch(service.log(), /the signer process ended/)
  })

  t.test('while the token is away', async (t) => {
    const processes = new Set(module.processes()).size
    module.plan('C_GetSlotList absent')
    const service = await startService(t, environment)
    await until('it has looked', () => service.log().includes('no token fits'))
    const waiting = service.sign(rawRequest('waits'))
    await until('a request waits', async () => (await hsmStatus(service.url)).queued === 1)
    const looked = module.calls('C_GetSlotList')
    await until('it looks again, in the same process', () => module.calls('C_GetSlotList') > looked)
    t.equal(new Set(module.processes()).size, processes + 1)
    const closed = service.app.close()
    t.equal((await waiting).json().code, 'HSM_UNAVAILABLE')
    await closed
    t.notOk(module.processes().some(isRunning))
  })

  t.test('and the library fails to', async (t) => {
    module.plan()
    const service = await startReadyService(t, environment)
    const [pid = 0] = module.processes().slice(-1)
    module.plan('C_Finalize return CKR_DEVICE_ERROR')
    await service.app.close()
    t.notOk(isRunning(pid))
  })
})
