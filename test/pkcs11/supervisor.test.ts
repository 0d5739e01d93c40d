/** The life of signer processes: how they are started, and started again. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { startReadyService, startService } from '../support/service.ts'
import { hsmStatus, isRunning, rawRequest, signMany, until } from '../support/signing.ts'
import { createSigningToken, generateKey, issueCertificates } from '../support/token.ts'

const directory = t.testdir()
const signing = await createSigningToken(directory)
const { token, publicKey } = signing
const otherKey = await generateKey(token, { label: 'other', id: '02' })
const otherCertificates = await issueCertificates(join(directory, 'certificates'), otherKey, 'other.pem')
const module = await createFaultyModule(directory, signing.environment)
const { environment } = module

t.test('a signer process that cannot be started is started later', async (t) => {
  const restore = t.intercept(process, 'execPath', { value: join(directory, 'no-such-program') })
  const service = await startService(t, environment)
  await until('it fails', () => service.log().includes('ENOENT'))
  restore.restore()
  await service.ready()
  t.equal(service.misconfigured.length, 0)
})

t.test('a token that does not answer is opened by another process', async (t) => {
  const { setTimeout } = globalThis
  let giveUp = () => {}
  t.intercept(globalThis, 'setTimeout', {
    value: Object.assign((act: () => void, ms?: number, ...rest: []) => {
      giveUp = ms === 30_000 ? act : giveUp
      return setTimeout(act, ms, ...rest)
    }, setTimeout),
  })
  const logins = module.calls('C_Login')
  module.plan('C_Login hang times=1')
  const service = await startService(t, environment)
  await until('it hangs', () => module.calls('C_Login') > logins)
  const [pid = 0] = module.processes().slice(-1)
  giveUp()
  await service.ready()
  t.match(service.log(), /the token does not answer/)
  t.notOk(isRunning(pid))
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

t.test('the certificate of another key', async (t) => {
  const foreign = {
    SIGNER_CERTIFICATE_FILE: otherCertificates.leaf,
    HSM_KEY_LABEL: 'signer',
    HSM_TIMEOUT_MS: '2000',
  }

  t.test('is told with both fingerprints', async (t) => {
    module.plan()
    const service = await startService(t, { ...environment, ...foreign })
    await until('it is told', () => service.misconfigured.length > 0)
    t.match(service.misconfigured[0]?.problems, [
      {
        variable: 'SIGNER_CERTIFICATE_FILE',
        message: /fingerprint [0-9a-f]{64}, the private key's [0-9a-f]{64}/,
      },
    ])
    t.equal((await hsmStatus(service.url)).state, 'misconfigured')
    t.equal((await service.sign(rawRequest('refused'))).json().code, 'HSM_UNAVAILABLE')
  })

  t.test('signs nothing where the token does not show the key', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    const service = await startService(t, { ...environment, ...foreign })
    await until('test signatures do not verify', () =>
      service.log().includes('a test signature does not verify with the signer certificate'),
    )
    t.same(await signMany(service.url, publicKey, 2), { HSM_UNAVAILABLE: 2 })
    t.notMatch(service.log(), /the HSM signs/)
  })

  t.test('and that of the key signs, though the token does not show it', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_TYPE_INVALID')
    const service = await startReadyService(t, { ...environment, HSM_KEY_LABEL: 'signer' })
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })
})

t.test('the key is deleted while sessions are opened anew', async (t) => {
  module.plan()
  const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '2000' })
  module.plan('C_SignInit return CKR_SESSION_HANDLE_INVALID times=1', 'C_FindObjects find-nothing')
  await signMany(service.url, publicKey, 2)
  t.match(service.log(), /the private key is gone/)
})
