/** What a token or its library may do while requests are in flight, and that nobody notices. */
import t from 'tap'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startReadyService } from '../../support/service.ts'
import { allIdle, hsmStatus, isRunning, signMany, until } from '../../support/signing.ts'
import { createSigningToken } from '../../support/token.ts'

const directory = t.testdir()
const { environment: tokenEnvironment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, tokenEnvironment)
const environment = { ...module.environment, HSM_TIMEOUT_MS: '20000' }

t.test('failures that pass inside the signer process', async (t) => {
  // More than fail at once in any of these, since a process whose sessions have all failed is replaced
  const service = await startReadyService(t, { ...environment, HSM_SESSIONS: '4' })
  await allIdle(service.url)
  const processes = module.processes().length
  const logins = module.calls('C_Login')
  const unnoticed = {
    'the key handle is stale': 'C_SignInit return CKR_KEY_HANDLE_INVALID times=1',
    'the object handle is stale': 'C_SignInit return CKR_OBJECT_HANDLE_INVALID times=2',
    'the key is not found while another thread logs in': [
      ...['C_SignInit return CKR_KEY_HANDLE_INVALID times=1', 'C_FindObjects find-nothing times=1'],
    ],
    'a session is gone': 'C_SignInit return CKR_SESSION_HANDLE_INVALID times=1',
    'a session was closed': 'C_Sign return CKR_SESSION_CLOSED times=2',
    'an operation is active': 'C_SignInit return CKR_OPERATION_ACTIVE times=1',
    'an operation was not begun': 'C_Sign return CKR_OPERATION_NOT_INITIALIZED times=1',
    'the HSM throttles': 'C_Sign return CKR_FUNCTION_FAILED times=10',
    'the HSM is out of memory': 'C_SignInit return CKR_DEVICE_MEMORY times=1',
    'the HSM fails once': 'C_Sign return CKR_DEVICE_ERROR times=1',
    'the HSM answers what only its vendor knows': 'C_Sign return 0x80000001 times=1',
    'a signature has a flipped bit': 'C_Sign flip times=1',
    'a broken session does not close': 'C_CloseSession return CKR_SESSION_HANDLE_INVALID times=1',
  }
  for (const [name, rules] of Object.entries(unnoticed)) {
    t.test(name, async (t) => {
      module.plan(...[rules].flat(), 'C_SignInit return CKR_SESSION_HANDLE_INVALID after=9 times=1')
      t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
    })
  }
  t.test('and neither the process nor the login was lost for them', async (t) => {
    const lost = service
      .log()
      .split('\n')
      .filter((line) => /signer process/.test(line))
    t.equal(module.processes().length, processes, lost.join('\n'))
    t.equal(module.calls('C_Login'), logins)
  })

  t.test('the token forgets the login: one login serves all sessions', async (t) => {
    module.plan('C_Sign log-out after=4 times=1')
    t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
    t.equal(module.calls('C_Login'), logins + 1)
  })

  t.test('the token says that it forgot the login, and has not', async (t) => {
    module.plan('C_Sign return CKR_USER_NOT_LOGGED_IN after=4 times=1')
    t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
  })

  t.test('all sessions are closed behind our back', async (t) => {
    module.plan('C_Sign close-sessions after=4 times=1')
    t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
    t.equal(module.processes().length, processes)
  })

  t.test('what repeating cannot help is answered at once, and only that', async (t) => {
    // The failure would meet the test signature of a session that opens anew, as one does that finds itself closed only now
    module.plan()
    const service = await startReadyService(t, environment)
    await allIdle(service.url)
    module.plan('C_SignInit return CKR_KEY_FUNCTION_NOT_PERMITTED after=3 times=1')
    t.same(await signMany(service.url, publicKey, 16), { HSM_UNAVAILABLE: 1, signed: 15 })
  })

  t.test('no signature with a flipped bit leaves', async (t) => {
    module.plan('C_Sign flip every=3')
    const outcomes = await signMany(service.url, publicKey, 30)
    t.equal(outcomes['wrong signature'], undefined)
    t.equal((outcomes.signed ?? 0) + (outcomes.SIGNATURE_SELF_CHECK_FAILED ?? 0), 30)
    t.ok(outcomes.signed)
  })
})

t.test('the HSM throttles for long: neither a request nor the process nor the login is lost', async (t) => {
  module.plan()
  // With more of them a request would be throttled three times, after which it is not repeated
  const service = await startReadyService(t, { ...environment, HSM_SESSIONS: '2' })
  await allIdle(service.url)
  const processes = module.processes().length
  const logins = module.calls('C_Login')
  module.plan('C_Sign return CKR_FUNCTION_FAILED times=30')
  t.same(await signMany(service.url, publicKey, 16), { signed: 16 })
  t.equal(module.processes().length, processes)
  t.equal(module.calls('C_Login'), logins)
})

t.test('a login that cannot be repeated', async (t) => {
  t.test('because the token fails: the process is replaced', async (t) => {
    module.plan()
    const service = await startReadyService(t, environment)
    module.plan('C_Sign log-out times=1', 'C_Login return CKR_DEVICE_ERROR times=1')
    t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
    t.match(service.log(), /the login failed \(CKR_DEVICE_ERROR\)/)
  })

  t.test('because the token throttles: it is, as the token has taken the PIN before', async (t) => {
    module.plan()
    const service = await startReadyService(t, environment)
    module.plan('C_Sign log-out times=1', 'C_Login return CKR_FUNCTION_FAILED times=2')
    t.same(await signMany(service.url, publicKey, 8), { signed: 8 })
  })

  t.test('because the PIN was changed: it is tried once, and never again', async (t) => {
    module.plan()
    const service = await startReadyService(t, environment)
    await allIdle(service.url)
    const [pid = 0] = module.processes().slice(-1)
    const logins = module.calls('C_Login')
    module.plan('C_Sign log-out times=1', 'C_Login return CKR_PIN_INCORRECT')
    const { signed = 0, HSM_UNAVAILABLE: refused } = await signMany(service.url, publicKey, 8)
    t.equal(refused, 8 - signed, 'some may have been signed in the other session meanwhile')
    t.equal((await hsmStatus(service.url)).state, 'pin refused')
    await until('the signer process has gone', () => !isRunning(pid))
    t.same(await signMany(service.url, publicKey, 8), { HSM_UNAVAILABLE: 8 })
    t.equal(module.calls('C_Login'), logins + 1)
  })
})
