import { execFileSync } from 'node:child_process'
import t from 'tap'
import { PIN } from '../support/token.ts'
import { createTpmToken, findTpm2Pkcs11 } from '../support/tpm.ts'
import { testToken } from './every-token.ts'

const module = findTpm2Pkcs11()

t.test('tpm2-pkcs11', { skip: !module && 'docker/install-tools.sh tpm installs it' }, async (t) => {
  const tpm = await createTpmToken(t, t.testdir(), `${module}`)
  const { token } = tpm
  await testToken(t, {
    token,
    description: { manufacturer: 'IBM', model: 'SW   TPM' },
    listPrivateKeys: async () =>
      execFileSync(
        'pkcs11-tool',
        [
          ...['--module', `${module}`, '--token-label', token.label, '--login', '--pin', PIN],
          ...['--list-objects', '--type', 'privkey'],
        ],
        { encoding: 'utf8', stdio: 'pipe' },
      ),
    ...{ tellsLocal: true, curves: true },
    listedKey:
      /label: +signer\n +ID: +01\n +Usage: +sign\n +Access: +sensitive, always sensitive, never extractable, local\n/,
    wrongPin: ['wrong-pin', 'CKR_PIN_INCORRECT'],
  })
})
