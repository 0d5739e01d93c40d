import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { failuresOf, runCheck } from '../support/check.ts'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { findP11KitProxy } from '../support/p11-kit.ts'
import { startServerProcess } from '../support/server-process.ts'
import { createSigningToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)

const PROXY = findP11KitProxy()

const AFTER_LOGIN = ['key', 'protection', 'mechanism', 'sessions', 'certificate', 'test signature', 'latency']

t.test('all is well', async (t) => {
  const { exitCode, steps } = await runCheck(environment)
  t.equal(exitCode, 0)
  t.strictSame(Object.keys(steps), [
    ...['configuration', 'library', 'token', 'login', 'key', 'protection', 'mechanism', 'sessions'],
    ...['certificate', 'chain', 'validity', 'test signature', 'latency', 'revocation'],
  ])
  const latency = { min: Number, median: Number, p99: Number }
  t.match(steps, {
    configuration: {
      status: 'ok',
      found: /^in order; level b-b: cades is PAdES-BASELINE-B in a PDF, .* file$/,
    },
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
    chain: {
      status: 'warning',
      found:
        /^complete to a self-signed root: .*Test signer < .* < .*Demo root CA.*; the certificate of .* has neither an OCSP/,
      advice:
        'Unless this is meant to be so, do what it says, or have an authority issue a certificate to which it does not apply',
    },
    validity: { status: 'ok', found: /^36\d days left, until 20/ },
    'test signature': {
      status: 'ok',
      found: /^50 of 50 verify with the certificate: rsassa-pkcs1-v1_5 with sha256, sha384, sha512$/,
    },
    latency: { status: 'ok', figures: { signInitMs: latency, signMs: latency } },
    revocation: {
      status: 'ok',
      found: /^unknown: O=Demo, CN=Test signer \(it names neither .*\), O=Demo, CN=Demo /,
    },
  })
})

t.test('for people there is a line for each step, and one of advice where it failed', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand({ ...environment, CA_CERTIFICATES_FILE: '' }, 'check')
  t.equal(exitCode, 1)
  t.match(stdout, /^ok +configuration +in order; level b-b: .*\nok +library +Impl/)
  t.match(
    stdout,
    /\nfailed +chain +O=Demo, CN=Test signer; missing is the certificate of its issuer O=Demo, CN=Demo in/,
  )
  t.match(stdout, /\n +-> Add what is missing to CA_CERTIFICATES_FILE/)
  t.equal(stderr, 'Not all is well: chain\n')
})

t.test('a configuration with problems', async (t) => {
  const { exitCode, failed, skipped } = await failuresOf(faulty, [], {
    HSM_SESSIONS: 'many',
    SIGNER_CERTIFICATE_FILE: '/none',
  })
  t.equal(exitCode, 78)
  t.match(failed, {
    configuration: /HSM_SESSIONS: many is not valid.*SIGNER_CERTIFICATE_FILE: \/none does not exist/,
  })
  t.equal(skipped.length, 12)
})

t.test('what the configuration only warns of', async (t) => {
  const { steps } = await runCheck({ ...environment, HSM_TIMEOUT_MS: '6000' })
  t.match(steps.configuration, {
    status: 'warning',
    found: /^in order; level b-b: .*; HSM_TIMEOUT_MS: Document Engine gives up/,
    advice: /^Correct the variables/,
  })
})

t.test('a PIN that everybody on the host may read', async (t) => {
  const HSM_PIN_FILE = join(directory, 'readable-pin')
  copyFileSync(environment.HSM_PIN_FILE ?? '', HSM_PIN_FILE)
  chmodSync(HSM_PIN_FILE, 0o644)
  const { steps } = await runCheck({ ...environment, HSM_PIN_FILE })
  t.match(steps.configuration, {
    status: 'warning',
    found: /^in order; level b-b: .*; HSM_PIN_FILE: holds a secret, and everybody/,
  })
})

t.test('what is not clearly a PIN is tried with no token', async (t) => {
  const before = faulty.calls('C_Login')
  const HSM_PIN_FILE = join(directory, 'two-pins')
  writeFileSync(HSM_PIN_FILE, `${PIN}\n${PIN}\n`, { mode: 0o600 })
  const { failed } = await failuresOf(faulty, [], { HSM_PIN_FILE })
  t.match(failed, { login: /^HSM_PIN_FILE: \S+ has more than one line/ })
  t.equal(faulty.calls('C_Login'), before)
})

t.test('no PIN, and nobody to ask', async (t) => {
  const { exitCode, failed } = await failuresOf(faulty, [], { HSM_PIN_FILE: '' })
  t.equal(exitCode, 78)
  t.match(failed, { configuration: /^HSM_PIN_FILE: is required, .* no terminal/ })
})

t.test('a refused PIN is tried once', async (t) => {
  const before = faulty.calls('C_Login')
  const pin = join(directory, 'wrong')
  writeFileSync(pin, 'wrong')
  const { exitCode, failed, skipped } = await failuresOf(faulty, [], { HSM_PIN_FILE: pin })
  t.equal(exitCode, 1)
  t.match(failed, { login: /^the token refused the PIN \(CKR_PIN_INCORRECT\): it was tried once/ })
  t.strictSame(skipped, AFTER_LOGIN)
  t.equal(faulty.calls('C_Login'), before + 1)
})

t.test('a library that hangs', async (t) => {
  const { exitCode, failed, skipped } = await failuresOf(faulty, ['C_SignInit hang'], {}, '--timeout', '10')
  t.equal(exitCode, 1)
  t.same(failed, { 'test signature': 'the PKCS#11 library did not answer for 10 seconds' })
  t.strictSame(skipped, ['latency'])
})

t.test('a library that crashes', async (t) => {
  const { failed, skipped } = await failuresOf(faulty, ['C_Login crash SIGSEGV'])
  t.same(failed, { login: 'the process that works on the token ended: SIGSEGV' })
  t.strictSame(skipped, AFTER_LOGIN)
})

t.test('a library that is none', async (t) => {
  const { exitCode, failed, skipped } = await failuresOf(faulty, [], {}, '--module', import.meta.filename)
  t.equal(exitCode, 1)
  t.match(failed, { library: /^HSM_MODULE: \S+ cannot be loaded/ })
  t.strictSame(skipped, ['token', 'login', ...AFTER_LOGIN])
})

t.test(
  'a library that threads cannot share',
  { skip: PROXY === undefined && 'docker/install-tools.sh p11-kit installs it' },
  async (t) => {
    const { exitCode, failed, skipped } = await failuresOf(faulty, [], {}, '--module', `${PROXY}`)
    t.equal(exitCode, 1)
    t.match(failed, {
      library: /^HSM_MODULE: \S+ is initialized for each of its users anew, as p11-kit's proxy/,
    })
    t.strictSame(skipped, ['token', 'login', ...AFTER_LOGIN])
    const { exited, output } = startServerProcess(t, { ...environment, HSM_MODULE: `${PROXY}` })
    t.same(await exited, { code: 78, signal: null })
    t.match(
      output(),
      /HSM_MODULE: \S+ is initialized for each of its users anew, [^"]*: name the library of the HSM/,
    )
  },
)

t.test('an absent token', async (t) => {
  const { failed } = await failuresOf(faulty, ['C_GetSlotList absent'])
  t.same(failed, { token: 'no token fits label test; there are no initialized tokens' })
})

t.test('a token that does not sign with RSA', async (t) => {
  const { exitCode, failed, skipped } = await failuresOf(faulty, [
    'C_GetMechanismInfo return CKR_MECHANISM_INVALID',
  ])
  t.same(
    [exitCode, failed, skipped],
    [1, { mechanism: 'the PKCS#11 library answered CKR_MECHANISM_INVALID to C_GetMechanismInfo' }, []],
  )
  const unable = await failuresOf(faulty, ['C_GetMechanismInfo no-signing'])
  t.same(unable.failed, { mechanism: 'CKM_RSA_PKCS is there, but not for signatures' })
})

t.test('a key that is not there', async (t) => {
  const { failed, skipped } = await failuresOf(faulty, [], { HSM_KEY_LABEL: 'none' })
  t.match(failed, { key: /^HSM_KEY_LABEL: no private key fits label none; there are: label "signer"/ })
  const after = ['protection', 'mechanism', 'certificate', 'test signature', 'latency']
  t.strictSame(skipped, after, 'the chain is looked at all the same')
})

t.test('fewer sessions than are configured', async (t) => {
  const { failed } = await failuresOf(faulty, ['C_OpenSession return CKR_SESSION_COUNT after=2'])
  t.same(failed, {
    sessions: '1 of 2 opened, then the PKCS#11 library answered CKR_SESSION_COUNT to C_OpenSession',
  })
})

t.test('a wrong signature', async (t) => {
  const { failed } = await failuresOf(faulty, ['C_Sign flip after=3 times=1'])
  t.same(failed, {
    'test signature': '49 of 50 verify with the certificate: rsassa-pkcs1-v1_5 with sha256, sha384, sha512',
  })
})

t.test('a key that does not sign', async (t) => {
  const { failed, skipped } = await failuresOf(faulty, ['C_Sign return CKR_KEY_FUNCTION_NOT_PERMITTED'])
  t.same(failed, { 'test signature': 'the PKCS#11 library answered CKR_KEY_FUNCTION_NOT_PERMITTED' })
  t.strictSame(skipped, ['latency'])
})

t.test('an HSM that is too slow', async (t) => {
  const { failed } = await failuresOf(faulty, ['C_Sign delay 120 after=49'], { HSM_TIMEOUT_MS: '100' })
  t.match(failed, { latency: /C_Sign .* \/ 1\d\d\.\d\d ms .*, beyond HSM_TIMEOUT_MS of 100$/ })
})

t.test('the PIN is asked for where it is not configured', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, `${PIN}\n`, 'check')
  t.equal(exitCode, 0, output)
  t.match(output, /^PIN of the user: \r?\nok +configuration +in order; level b-b: .*\r?\n/)
  t.notMatch(output, PIN)
})

t.test('Ctrl-Z at the question for the PIN neither shows what is typed nor ends the command', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, `\x1a${PIN}\n`, 'check')
  t.equal(exitCode, 0, output)
  t.match(output, /^PIN of the user: \r?\nok +configuration +in order/)
  t.notMatch(output, PIN)
})

t.test('nobody is asked for the PIN in vain', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, '\n', 'check')
  t.equal(exitCode, 1)
  t.match(output, /no PIN was given/)
})
