import { PassThrough } from 'node:stream'
import t from 'tap'
import { chooseSigners, PinPrompt, signerOption } from '../../src/cli/signer-option.ts'
import type { Configuration } from '../../src/configuration/configuration.ts'
import type { SignerConfiguration } from '../../src/configuration/signer-configuration.ts'
import type { Variables } from '../../src/configuration/variables.ts'

const SIGNERS = {
  default: 'a',
  signers: [{ name: 'a' }, { name: 'b' }] as SignerConfiguration[],
  files: [],
}

function io(environment: Variables) {
  return { environment, input: new PassThrough(), output: new PassThrough(), errors: new PassThrough() }
}

function names(signers: readonly SignerConfiguration[]) {
  return signers.map(({ name }) => name)
}

t.test('a command is about all signers, or the one that is named', async (t) => {
  t.equal(signerOption('which').long, '--signer')
  t.strictSame(names(chooseSigners(SIGNERS, undefined)), ['a', 'b'])
  t.strictSame(names(chooseSigners(SIGNERS, 'b')), ['b'])
  t.throws(() => chooseSigners(SIGNERS, 'c'), {
    name: 'ConfigurationError',
    message: '--signer: there is no signer "c"; there are: a, b',
  })
})

t.test(
  'a PIN that is configured nowhere is no reason to refuse, and no part of what is loaded',
  async (t) => {
    const load = (environment: Variables) =>
      ({ warnings: [`HSM_PIN: is ${environment.HSM_PIN}`, 'other'] }) as unknown as Configuration
    t.strictSame(PinPrompt.load({ HSM_PIN: '1234' }, load).warnings, ['HSM_PIN: is 1234', 'other'])
    t.strictSame(PinPrompt.load({}, load).warnings, ['other'])
  },
)

t.test('nobody is asked for a PIN that is configured', async (t) => {
  const access = { module: '', token: {}, pin: { variable: 'HSM_PIN' } }
  t.strictSame(await new PinPrompt(io({ HSM_PIN: '1234' })).ask({ access }), { givenPin: '1234' })
  t.strictSame(await new PinPrompt(io({})).ask({ access: { ...access, pin: { file: '/pin' } } }), {})
  const prompt = new PinPrompt(io({}))
  await t.rejects(prompt.ask({ access }), { name: 'ConfigurationError' }, 'without a terminal nobody can be')
})
