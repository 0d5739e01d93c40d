/** Keys of which there may be copies outside the token are warned about, or refused. */
import { join } from 'node:path'
import t from 'tap'
import { findExposures, findForbiddenExposure, findUnshown } from '../../src/pkcs11/key-protection.ts'
import { runCheck } from '../support/check.ts'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { PROTECTED } from '../support/played-sessions.ts'
import { afterReload, logLines } from '../support/reload.ts'
import { startServerProcess } from '../support/server-process.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { isRunning, until } from '../support/signing.ts'
import { createImportedKeyToken, issueCertificates, signingEnvironment } from '../support/token.ts'

const directory = t.testdir()
const { token, environment } = await createImportedKeyToken(directory)
const generated = join(directory, 'generated.pub.pem')
const keygen = await runCommand(
  ...[token.environment, 'keygen', '--label', 'generated', '--public-key', generated],
)
const certificates = await issueCertificates(join(directory, 'certificates'), generated, 'generated.pem')
const generatedEnvironment = signingEnvironment(token, certificates)
const module = await createFaultyModule(directory, environment)
const REQUIRED = { REQUIRE_NON_EXTRACTABLE_KEYS: 'true' }
const WARNING =
  'the private key with label "signer" id 01 was not generated on the token (CKA_LOCAL is false): there may be ' +
  'copies of it outside the token'
const FORBIDDEN =
  'the private key with label "signer" id 01 was not generated on the token (CKA_LOCAL is false), which ' +
  'REQUIRE_NON_EXTRACTABLE_KEYS forbids; choose a key that was generated on the token, as "signing-service keygen" does'

function warningsOf(service: Service): string[] {
  return logLines(service.log())
    .map(({ msg }) => msg)
    .filter((msg) => msg.startsWith('the private key with'))
}

t.test('what tokens show of a key, in words', async (t) => {
  const exposures = (change: object) => findExposures({ ...PROTECTED, ...change })
  t.strictSame(exposures({}), [])
  const history = { alwaysSensitive: false, neverExtractable: false }
  t.strictSame(exposures({ local: false, ...history }), [
    'was not generated on the token (CKA_LOCAL is false)',
  ])
  t.strictSame(exposures({ sensitive: false, extractable: true, ...history }), [
    'is not sensitive (CKA_SENSITIVE is false)',
    'can be extracted (CKA_EXTRACTABLE is true)',
  ])
  t.strictSame(exposures(history), [
    'was not always sensitive (CKA_ALWAYS_SENSITIVE is false)',
    'could be extracted once (CKA_NEVER_EXTRACTABLE is false)',
  ])
  const unshown = { ...PROTECTED, sensitive: null, neverExtractable: null }
  t.strictSame(findExposures(unshown), [])
  t.strictSame(findUnshown(unshown), ['CKA_SENSITIVE', 'CKA_NEVER_EXTRACTABLE'])
  const key = { label: 'a', labelBytes: Buffer.from('a'), id: '', protection: unshown }
  t.match(findForbiddenExposure(key, 'HSM_KEY_LABEL'), {
    variable: 'HSM_KEY_LABEL',
    message:
      /^the private key with label "a" id \(none\) has attributes that the token does not show \(CKA_SENSITIVE, CKA_NEVER_EXTRACTABLE\), which REQUIRE_NON_EXTRACTABLE_KEYS forbids;/,
  })
  t.equal(findForbiddenExposure({ ...key, protection: PROTECTED }, 'HSM_KEY_LABEL'), undefined)
})

t.test('a key that was imported is warned about at the start and at each reload', async (t) => {
  const service = await startReadyService(t, module.environment)
  t.strictSame(warningsOf(service), [WARNING])
  const [pid] = module.processes().slice(-1)
  process.kill(pid as number, 'SIGKILL')
  await until('the token is opened again', () => module.processes().at(-1) !== pid)
  await service.ready()
  t.notOk(isRunning(pid as number))
  t.strictSame(warningsOf(service), [WARNING], 'not each time that the token is opened')
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.strictSame(warningsOf(service), [WARNING, WARNING])
})

t.test('it is refused where keys must never have left the token', async (t) => {
  const service = await startService(t, { ...environment, ...REQUIRED })
  await until('it is refused', () => service.misconfigured.length > 0)
  t.match(service.misconfigured, [{ problems: [{ variable: 'HSM_KEY_LABEL', message: FORBIDDEN }] }])
  const { exited, output } = startServerProcess(t, { ...environment, ...REQUIRED })
  t.same(await exited, { code: 78, signal: null })
  t.match(output(), 'REQUIRE_NON_EXTRACTABLE_KEYS forbids')
  const csr = await runCommand(
    { ...environment, ...REQUIRED },
    'csr',
    '--subject',
    'CN=Signer',
    '--label',
    'signer',
  )
  t.match(csr, { exitCode: 78, stdout: '', stderr: `HSM_KEY_LABEL: ${FORBIDDEN}\n` })
})

t.test('a key of keygen is not warned about, and may be demanded', async (t) => {
  t.equal(keygen.exitCode, 0, keygen.stderr)
  const service = await startReadyService(t, { ...generatedEnvironment, ...REQUIRED })
  t.strictSame(warningsOf(service), [])
})

t.test('attributes that the token does not show are no reason to warn, and no proof either', async (t) => {
  module.plan('C_GetAttributeValue refuse CKA_LOCAL CKR_ATTRIBUTE_TYPE_INVALID')
  const hidden = { ...generatedEnvironment, HSM_MODULE: `${module.environment.HSM_MODULE}` }
  const service = await startReadyService(t, hidden)
  t.strictSame(warningsOf(service), [])
  const strict = await startService(t, { ...hidden, ...REQUIRED })
  await until('it is refused', () => strict.misconfigured.length > 0)
  t.match(
    strict.misconfigured[0]?.message,
    /has attributes that the token does not show \(CKA_LOCAL\), which/,
  )
  t.match((await runCheck(hidden)).steps.protection, {
    status: 'ok',
    found: 'nothing speaks against it; the token does not show CKA_LOCAL',
  })
  module.plan()
})

t.test('check has a line about it', async (t) => {
  const protection = async (variables: Record<string, string>) => {
    const { exitCode, steps } = await runCheck(variables)
    return { exitCode, ...steps.protection }
  }
  const advice = /^Have a key generated on the token/
  t.match(await protection(environment), { exitCode: 0, status: 'warning', found: WARNING, advice })
  const found = `HSM_KEY_LABEL: ${FORBIDDEN}`
  t.match(await protection({ ...environment, ...REQUIRED }), { exitCode: 1, status: 'failed', found, advice })
  t.match(await protection(generatedEnvironment), {
    ...{ exitCode: 0, status: 'ok', advice: undefined },
    found: 'generated on the token, sensitive, and never extractable',
  })
})
