/** The key that a signer process finds, and the certificate that it must be the key of. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startReadyService, startService } from '../../support/service.ts'
import { allIdle, hsmStatus, rawRequest, signMany, until } from '../../support/signing.ts'
import { createSigningToken, generateKey, issueCertificates, PIN } from '../../support/token.ts'

const directory = t.testdir()
const signing = await createSigningToken(directory)
const { token, publicKey } = signing
const otherKey = await generateKey(token, { label: 'other', id: '02' })
const otherCertificates = await issueCertificates(join(directory, 'certificates'), otherKey, 'other.pem')
const module = await createFaultyModule(directory, signing.environment)
const environment: Record<string, string> = { ...module.environment, HSM_SESSIONS: '1' }

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
    await until('it is told', () => service.misconfigured.length > 0)
    t.match(service.misconfigured[0]?.problems, [
      { variable: 'SIGNER_CERTIFICATE_FILE', message: /^\/\S+: test signatures do not verify with it/ },
    ])
    t.match(await hsmStatus(service.url), {
      state: 'misconfigured',
      reason: 'test signatures do not verify',
    })
    t.same(await signMany(service.url, publicKey, 2), { HSM_UNAVAILABLE: 2 })
    t.notMatch(service.log(), /the HSM signs/)
  })

  t.test('and that of the key signs, though the token does not show it', async (t) => {
    module.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_TYPE_INVALID')
    const service = await startReadyService(t, { ...environment, HSM_KEY_LABEL: 'signer' })
    t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  })
})

t.test(
  'a token whose first signature is wrong does not end the service, whose certificate is the right one',
  async (t) => {
    module.plan('C_Sign flip times=1')
    const service = await startService(t, environment)
    await service.ready()
    t.equal(service.misconfigured.length, 0)
    t.match(service.log(), /does not verify with the signer certificate; it was discarded/)
  },
)

t.test('the certificate is that of the key, on the token, where no file gives it', async (t) => {
  module.plan()
  const der = join(directory, 'leaf.der')
  writeFileSync(der, new X509Certificate(readFileSync(signing.certificates.leaf)).raw)
  execFileSync('pkcs11-tool', [
    ...[
      '--module',
      token.environment.HSM_MODULE ?? '',
      '--token-label',
      token.label,
      '--login',
      '--pin',
      PIN,
    ],
    ...['--write-object', der, '--type', 'cert', '--id', '01'],
  ])
  const { SIGNER_CERTIFICATE_FILE, ...others } = environment
  const service = await startReadyService(t, { ...others, HSM_KEY_LABEL: 'signer' })
  t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
})

t.test('a key that a session does not find is looked for again', async (t) => {
  module.plan()
  const service = await startReadyService(t, { ...environment, HSM_SESSIONS: '2' })
  await allIdle(service.url)
  module.plan('C_SignInit return CKR_SESSION_HANDLE_INVALID times=1', 'C_FindObjects find-nothing times=2')
  t.same(await signMany(service.url, publicKey, 4), { signed: 4 })
  await until('a session does not find it', () => service.log().includes('the private key is gone'))
  await allIdle(service.url)
})
