import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import {
  createSigningToken,
  createToken,
  generateKey,
  importKey,
  issueCertificates,
  PIN,
} from '../support/token.ts'

const directory = t.testdir()
const { token, publicKey, certificates, environment } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)

interface Step {
  readonly status: string
  readonly found: string
  readonly advice?: string
  readonly figures?: Record<string, unknown>
}

/** The steps by name. */
async function check(variables: Readonly<Record<string, string>>, ...args: string[]) {
  const { exitCode, stdout, stderr } = await runCommand(variables, 'check', '--json', ...args)
  const { ok, steps } = JSON.parse(stdout) as { ok: boolean; steps: (Step & { name: string })[] }
  t.equal(ok, exitCode === 0)
  t.equal(stderr, '')
  return { exitCode, steps: Object.fromEntries(steps.map(({ name, ...step }) => [name, step])) }
}

/** What there is to say of the steps with a status, by name. */
async function failures(rules: string[], changes: Readonly<Record<string, string>> = {}, ...args: string[]) {
  faulty.plan(...rules)
  const { exitCode, steps } = await check({ ...faulty.environment, ...changes }, ...args)
  faulty.plan()
  const having = (wanted: string) => Object.entries(steps).filter(([, { status }]) => status === wanted)
  return {
    exitCode,
    failed: Object.fromEntries(having('failed').map(([name, { found }]) => [name, found])),
    skipped: having('skipped').map(([name]) => name),
  }
}

const AFTER_LOGIN = ['key', 'sessions', 'certificate', 'test signature', 'latency']

t.test('all is well', async (t) => {
  const { exitCode, steps } = await check(environment)
  t.equal(exitCode, 0)
  t.strictSame(Object.keys(steps), [
    ...['configuration', 'library', 'token', 'mechanism', 'login', 'key', 'sessions'],
    ...['certificate', 'chain', 'validity', 'test signature', 'latency'],
  ])
  const latency = { min: Number, median: Number, p99: Number }
  t.match(steps, {
    configuration: { status: 'ok', found: 'in order' },
    library: { status: 'ok', found: /by SoftHSM, version 2\.\d+, PKCS#11 2\.40$/ },
    token: { status: 'ok', found: /^label test, serial \w+, SoftHSM v2 by SoftHSM project$/ },
    mechanism: { status: 'ok', found: /^CKM_RSA_PKCS signs with keys of \d+ to \d+ bits$/ },
    login: { status: 'ok' },
    key: { status: 'ok', found: 'label signer, id 01' },
    sessions: { status: 'ok', found: /^2 of 2 opened, in [\d.]+ \/ /, figures: { openMs: latency } },
    certificate: {
      status: 'ok',
      found: /^of O=Demo, CN=Test signer, public key \w{64}: it belongs to the key$/,
    },
    chain: { status: 'ok', found: /^complete to a self-signed root: .*Test signer < .* < .*Demo root CA/ },
    validity: { status: 'ok', found: /^36\d days left, until 20/ },
    'test signature': { status: 'ok', found: '50 of 50 verify with the certificate' },
    latency: { status: 'ok', figures: { signInitMs: latency, signMs: latency } },
  })
})

t.test('for people there is a line for each step, and one of advice where it failed', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand({ ...environment, CA_CERTIFICATES_FILE: '' }, 'check')
  t.equal(exitCode, 1)
  t.match(stdout, /^ok +configuration +in order\nok +library +Impl/)
  t.match(
    stdout,
    /\nfailed +chain +O=Demo, CN=Test signer; missing is the certificate of its issuer O=Demo, CN=Demo in/,
  )
  t.match(stdout, /\n +-> Add what is missing to CA_CERTIFICATES_FILE/)
  t.equal(stderr, 'Not all is well: chain\n')
})

t.test('a configuration with problems', async (t) => {
  const { exitCode, failed, skipped } = await failures([], {
    HSM_SESSIONS: 'many',
    SIGNER_CERTIFICATE_FILE: '/none',
  })
  t.equal(exitCode, 78)
  t.match(failed, { configuration: /HSM_SESSIONS: is not valid.*SIGNER_CERTIFICATE_FILE: cannot be read/ })
  t.equal(skipped.length, 11)
})

t.test('what the configuration only warns of', async (t) => {
  const { steps } = await check({ ...environment, HSM_TIMEOUT_MS: '6000' })
  t.match(steps.configuration, { status: 'ok', found: /^in order; HSM_TIMEOUT_MS: Document Engine gives up/ })
})

t.test('no PIN, and nobody to ask', async (t) => {
  const { exitCode, failed } = await failures([], { HSM_PIN_FILE: '' })
  t.equal(exitCode, 78)
  t.match(failed, { configuration: /^HSM_PIN_FILE: is required, .* no terminal/ })
})

t.test('a refused PIN is tried once', async (t) => {
  const before = faulty.calls('C_Login')
  const pin = join(directory, 'wrong')
  writeFileSync(pin, 'wrong')
  const { exitCode, failed, skipped } = await failures([], { HSM_PIN_FILE: pin })
  t.equal(exitCode, 1)
  t.match(failed, { login: /^the token refused the PIN: CKR_PIN_INCORRECT\. It was tried once/ })
  t.strictSame(skipped, AFTER_LOGIN)
  t.equal(faulty.calls('C_Login'), before + 1)
})

t.test('a library that hangs', async (t) => {
  const { exitCode, failed, skipped } = await failures(['C_SignInit hang'], {}, '--timeout', '4')
  t.equal(exitCode, 1)
  t.same(failed, { 'test signature': 'the PKCS#11 library did not answer for 4 seconds' })
  t.strictSame(skipped, ['latency'])
})

t.test('a library that crashes', async (t) => {
  const { failed, skipped } = await failures(['C_Login crash SIGSEGV'])
  t.same(failed, { login: 'the process that works on the token ended: SIGSEGV' })
  t.strictSame(skipped, AFTER_LOGIN)
})

t.test('a library that is none', async (t) => {
  const { exitCode, failed, skipped } = await failures([], {}, '--module', import.meta.filename)
  t.equal(exitCode, 1)
  t.match(failed, { library: /^HSM_MODULE: cannot be loaded/ })
  t.strictSame(skipped, ['token', 'mechanism', 'login', ...AFTER_LOGIN])
})

t.test('an absent token', async (t) => {
  const { failed } = await failures(['C_GetSlotList absent'])
  t.same(failed, { token: 'no token fits; there are no initialized tokens' })
})

t.test('a token that does not sign with RSA', async (t) => {
  const { exitCode, failed, skipped } = await failures(['C_GetMechanismInfo return CKR_MECHANISM_INVALID'])
  t.same(
    [exitCode, failed, skipped],
    [1, { mechanism: 'the PKCS#11 library answered CKR_MECHANISM_INVALID to C_GetMechanismInfo' }, []],
  )
  const unable = await failures(['C_GetMechanismInfo no-signing'])
  t.same(unable.failed, { mechanism: 'CKM_RSA_PKCS is there, but not for signatures' })
})

t.test('a key that is not there', async (t) => {
  const { failed, skipped } = await failures([], { HSM_KEY_LABEL: 'none' })
  t.match(failed, { key: /^HSM_KEY_LABEL: no private key fits; there are: label "signer"/ })
  t.strictSame(skipped, ['certificate', 'test signature', 'latency'], 'the chain is looked at all the same')
})

t.test('fewer sessions than are configured', async (t) => {
  const { failed } = await failures(['C_OpenSession return CKR_SESSION_COUNT after=2'])
  t.same(failed, {
    sessions: '1 of 2 opened, then the PKCS#11 library answered CKR_SESSION_COUNT to C_OpenSession',
  })
})

t.test('a wrong signature', async (t) => {
  const { failed } = await failures(['C_Sign flip after=3 times=1'])
  t.same(failed, { 'test signature': '49 of 50 verify with the certificate' })
})

t.test('a key that does not sign', async (t) => {
  const { failed, skipped } = await failures(['C_Sign return CKR_KEY_FUNCTION_NOT_PERMITTED'])
  t.same(failed, { 'test signature': 'the PKCS#11 library answered CKR_KEY_FUNCTION_NOT_PERMITTED' })
  t.strictSame(skipped, ['latency'])
})

t.test('an HSM that is too slow', async (t) => {
  const { failed } = await failures(['C_Sign delay 120 after=49'], { HSM_TIMEOUT_MS: '100' })
  t.match(failed, { latency: /C_Sign .* \/ 1\d\d\.\d\d ms .*, beyond HSM_TIMEOUT_MS of 100$/ })
})

t.test('a token that does not show the public half', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const { exitCode, steps } = await check(faulty.environment)
  t.equal(exitCode, 0)
  t.match(steps.certificate, { found: /the test signature tells whether it belongs to it$/ })
  faulty.plan()
})

t.test('a certificate on the token', async (t) => {
  const missing = await failures([], { SIGNER_CERTIFICATE_FILE: '' })
  t.match(missing.failed, { certificate: /^SIGNER_CERTIFICATE_FILE: is required, since the token holds no/ })
  t.strictSame(missing.skipped, ['chain', 'validity', 'test signature', 'latency'])
  t.match(await runCommand(environment, 'import-cert', certificates.leaf), { exitCode: 0 })
  const { exitCode, steps } = await check({ ...environment, SIGNER_CERTIFICATE_FILE: '' })
  t.equal(exitCode, 0)
  t.match(steps.certificate, { found: /Test signer, .*: it belongs to the key$/ })
})

t.test('a key and a certificate that do not belong together', async (t) => {
  await generateKey(token, { label: 'other', id: '02' })
  const { exitCode, failed, skipped } = await failures([], { HSM_KEY_LABEL: 'other' })
  t.equal(exitCode, 1)
  t.match(failed, {
    certificate: /^SIGNER_CERTIFICATE_FILE: is not the certificate of the private key/,
    'test signature': '0 of 50 verify with the certificate',
  })
  t.strictSame(skipped, [])
})

t.test('a certificate on the token whose key is too short', async (t) => {
  const short = await createToken(token.directory, 'short')
  const key = await generateKey(short, { label: '', id: '03', bits: 1024 })
  const { leaf } = await issueCertificates(join(directory, 'certificates'), key, 'short.pem')
  const variables = { ...environment, ...short.environment, SIGNER_CERTIFICATE_FILE: '' }
  t.match(await runCommand(variables, 'import-cert', leaf), { exitCode: 0 })
  const { exitCode, steps } = await check(variables)
  t.equal(exitCode, 1)
  t.match(steps.certificate, {
    status: 'failed',
    found: /RSA key of 2048 to 4096 bits; this one has RSA with 1024 bits$/,
  })
  t.match(steps['test signature'], { status: 'skipped' })
})

t.test('a certificate that has expired', async (t) => {
  const days = { notBefore: new Date('2024-01-01'), notAfter: new Date('2024-12-31') }
  const expired = issue(directory, { subject: '/CN=Old', key: RSA_2048, ...days })
  await importKey(token, expired.keyFile, { label: 'old', id: '04' })
  const { failed } = await failures([], { SIGNER_CERTIFICATE_FILE: expired.certificateFile })
  t.match(failed, { validity: /^The certificate of CN=Old expired at 2024-12-31/ })
})

t.test('the PIN is asked for where it is not configured', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, `${PIN}\n`, 'check')
  t.equal(exitCode, 0, output)
  t.match(output, /^PIN of the user: \r?\nok +configuration +in order\r?\n/)
  t.notMatch(output, PIN)
})

t.test('nobody is asked for the PIN in vain', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, '\n', 'check')
  t.equal(exitCode, 1)
  t.match(output, /no PIN was given/)
})

t.test('the running service', async (t) => {
  const server = await startReadyServerProcess(t, environment)

  t.test('is ready, tells its version, and has the same certificate', async (t) => {
    const { exitCode, steps } = await check(environment, '--url', server.address)
    t.equal(exitCode, 0)
    t.match(steps, {
      'service: ready': { status: 'ok', found: '200, HSM ready' },
      'service: version': { status: 'ok', found: /^\d+\.\d+\.\d+ on Node v\d+/ },
      'service: certificate': { status: 'ok' },
    })
  })
  t.test('has another certificate', async (t) => {
    const { leaf } = await issueCertificates(join(directory, 'certificates'), publicKey, 'renewed.pem')
    const { failed } = await failures([], { SIGNER_CERTIFICATE_FILE: leaf }, '--url', server.address)
    t.match(failed, {
      'service: certificate':
        /^get_certificates answers another certificate: of O=Demo, CN=Test signer, serial \w+$/,
    })
  })
  t.test('is asked even where the configuration is wrong', async (t) => {
    const { exitCode, failed, skipped } = await failures([], { HSM_SESSIONS: '0' }, '--url', server.address)
    t.equal(exitCode, 78)
    t.strictSame(Object.keys(failed), ['configuration'])
    t.ok(skipped.includes('service: certificate'))
  })
})

t.test('a service that is not ready', async (t) => {
  const replies: Record<string, [number, object]> = {
    '/health/ready': [503, { hsm: { state: 'pin refused', reason: 'CKR_PIN_LOCKED' } }],
    '/metrics': [404, {}],
    '/sign': [503, { code: 'HSM_UNAVAILABLE' }],
  }
  const server = createServer((request, response) => {
    const [status, body] = replies[`${request.url}`] ?? [404, {}]
    response.writeHead(status).end(JSON.stringify(body))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { failed } = await failures([], {}, '--url', `http://127.0.0.1:${port}`)
  t.same(failed, {
    'service: ready': '503, HSM pin refused: CKR_PIN_LOCKED',
    'service: version': '/metrics answers 404 without signing_service_build_info',
    'service: certificate': 'get_certificates answers 503 HSM_UNAVAILABLE',
  })
})

t.test('no service at all', async (t) => {
  const { failed, skipped } = await failures([], {}, '--url', 'https://127.0.0.1:1')
  t.same(failed, { 'service: ready': 'connect ECONNREFUSED 127.0.0.1:1' })
  t.strictSame(skipped, ['service: version', 'service: certificate'])
})

t.test('an address that is none', async (t) => {
  for (const url of ['127.0.0.1:6000', 'http://']) {
    const { exitCode, stderr } = await runCommand(environment, 'check', '--url', url)
    t.equal(exitCode, 2)
    t.match(stderr, /It must be an address such as http:/)
  }
})
