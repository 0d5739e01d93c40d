import { join } from 'node:path'
import t from 'tap'
import { generateKeyFile, issue, RSA_2048 } from '../../support/certificates.ts'
import { failuresOf, runCheck } from '../../support/check.ts'
import { runCommand } from '../../support/command.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import {
  createSigningToken,
  createToken,
  generateKey,
  importCertificate,
  importKey,
  issueCertificates,
} from '../../support/token.ts'

const directory = t.testdir()
const { token, certificates, environment } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)

t.test('a token that does not show the public half', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const { exitCode, steps } = await runCheck(faulty.environment)
  t.equal(exitCode, 0)
  t.match(steps.certificate, { found: /the test signature tells whether it belongs to it$/ })
  faulty.plan()
})

t.test('a certificate on the token', async (t) => {
  const missing = await failuresOf(faulty, [], { SIGNER_CERTIFICATE_FILE: '' })
  t.match(missing.failed, { certificate: /^SIGNER_CERTIFICATE_FILE: is required, since the token holds no/ })
  t.strictSame(missing.skipped, ['chain', 'validity', 'test signature', 'latency', 'revocation'])
  t.match(await runCommand(environment, 'import-cert', certificates.leaf), { exitCode: 0 })
  const { exitCode, steps } = await runCheck({ ...environment, SIGNER_CERTIFICATE_FILE: '' })
  t.equal(exitCode, 0)
  t.match(steps.certificate, { found: /Test signer, .*: it belongs to the key$/ })
})

t.test('a key and a certificate that do not belong together', async (t) => {
  await generateKey(token, { label: 'other', id: '02' })
  const { exitCode, failed, skipped } = await failuresOf(faulty, [], { HSM_KEY_LABEL: 'other' })
  t.equal(exitCode, 1)
  t.match(failed, {
    certificate:
      /^SIGNER_CERTIFICATE_FILE: \S+ is not the certificate of the private key: .*; it belongs to the private key with label "signer" id 01: choose that one/,
    'test signature': '0 of 50 verify with the certificate',
  })
  t.strictSame(skipped, [])
})

t.test('a certificate on the token whose key is too short', async (t) => {
  const short = await createToken(token.directory, 'short')
  const key = await generateKey(short, { label: '', id: '03', bits: 1024 })
  const { leaf } = await issueCertificates(join(directory, 'certificates'), key, 'short.pem')
  const variables = { ...environment, ...short.environment, SIGNER_CERTIFICATE_FILE: '' }
  await importCertificate(short, leaf, { label: '', id: '03' })
  const { exitCode, steps } = await runCheck(variables)
  t.equal(exitCode, 1)
  t.match(steps.certificate, {
    status: 'failed',
    found: /RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521; this one has RSA with 1024 bits$/,
  })
  t.match(steps['test signature'], { status: 'skipped' })
})

t.test('a certificate on the token with a key that the service does not sign with', async (t) => {
  const odd = await createToken(token.directory, 'odd')
  const key = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1']
  const issued = issue(directory, { subject: '/CN=Odd', keyFile: generateKeyFile(directory, key) })
  await importKey(odd, issued.keyFile, { label: '', id: '05' })
  await importCertificate(odd, issued.certificateFile, { label: '', id: '05' })
  const { exitCode, steps } = await runCheck({
    ...{ ...environment, ...odd.environment, SIGNER_CERTIFICATE_FILE: '' },
  })
  t.equal(exitCode, 1)
  t.match(steps.certificate, {
    status: 'failed',
    found: /this one has EC on secp256k1$/,
    advice: /or have another one issued where it is itself what is wrong$/,
  })
  t.match(steps['test signature'], { status: 'skipped' })
})

t.test('a certificate that has expired', async (t) => {
  const days = { notBefore: new Date('2024-01-01'), notAfter: new Date('2024-12-31') }
  const expired = issue(directory, { subject: '/CN=Old', key: RSA_2048, ...days })
  await importKey(token, expired.keyFile, { label: 'old', id: '04' })
  const { failed } = await failuresOf(faulty, [], { SIGNER_CERTIFICATE_FILE: expired.certificateFile })
  t.match(failed, { validity: /^The certificate of CN=Old expired at 2024-12-31/ })
})
