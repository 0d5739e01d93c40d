import { PassThrough } from 'node:stream'
import t from 'tap'
import { chooseSigners, createPinPrompt, listVariables, loadWithoutPin } from '../../src/cli/configuration.ts'
import type { SignerConfiguration } from '../../src/configuration/signer-configuration.ts'
import type { Variables } from '../../src/configuration/variables.ts'

const SIGNERS = {
  default: 'a',
  signers: [{ name: 'a' }, { name: 'b' }] as SignerConfiguration[],
  files: new Map(),
}

function io(environment: Variables) {
  return { environment, input: new PassThrough(), output: new PassThrough(), errors: new PassThrough() }
}

function names(signers: readonly SignerConfiguration[]) {
  return signers.map(({ name }) => name)
}

t.test('a command is about all signers, or the one that is named', async (t) => {
  t.strictSame(names(chooseSigners(SIGNERS, [])), ['a', 'b'])
  t.strictSame(names(chooseSigners(SIGNERS, ['b'])), ['b'])
  t.throws(() => chooseSigners(SIGNERS, ['a', 'c']), {
    name: 'ConfigurationError',
    message: '--signer: there is no signer "c"; there are: a, b',
  })
})

t.test(
  'a PIN that is configured nowhere is no reason to refuse, and no part of what is loaded',
  async (t) => {
    // Any file will do, since the library is not loaded here
    const environment = { HSM_MODULE: import.meta.filename, SIGNING_SERVICE_HOST: '127.0.0.1' }
    t.match(loadWithoutPin({ ...environment, HSM_PIN: '1234' }).warnings, [/^HSM_PIN: stays readable/])
    const { configuration, warnings } = loadWithoutPin(environment)
    t.strictSame(warnings, [])
    t.notMatch(JSON.stringify(configuration.signers), 'asked for')
  },
)

t.test('with HSM_USER a file that another user alone may use is left out, and told', async (t) => {
  const environment = {
    ...{ HSM_MODULE: import.meta.filename, SIGNING_SERVICE_HOST: '127.0.0.1' },
    AUDIT_FILE: '/proc/sys/audit.jsonl',
  }
  const users = { HSM_USER: '2', SIGNING_SERVICE_USER: '3' }
  t.strictSame(loadWithoutPin({ ...environment, ...users }).hidden, ['AUDIT_FILE'])
  t.throws(() => loadWithoutPin(environment), { name: 'ConfigurationError', message: /^AUDIT_FILE: / })
})

t.test('nobody is asked for a PIN that is configured', async (t) => {
  const access = { module: '', token: {}, pin: { variable: 'HSM_PIN' } }
  t.strictSame(await createPinPrompt(io({ HSM_PIN: '1234' }))(access), { givenPin: '1234' })
  const ask = createPinPrompt(io({}))
  t.strictSame(await ask({ ...access, pin: { file: '/pin' } }), {})
  t.strictSame(await ask({ ...access, pin: { secretId: 'pin' } }), {})
  await t.rejects(ask(access), { name: 'ConfigurationError' }, 'without a terminal nobody can be')
})

t.test('an option that names the PIN takes the place of all that the environment has of it', async (t) => {
  const none = { HSM_PIN: undefined, HSM_PIN_FILE: undefined, HSM_PIN_SECRET_ID: undefined }
  t.strictSame(listVariables({ pinFile: '/pin' }), { ...none, HSM_PIN_FILE: '/pin' })
  t.strictSame(listVariables({ pinSecretId: 'pin' }), { ...none, HSM_PIN_SECRET_ID: 'pin' })
})
