import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { runCommand } from '../support/command.ts'
import { createOpenCryptokiToken, findOpenCryptoki } from '../support/opencryptoki.ts'
import { testToken } from './every-token.ts'

const module = findOpenCryptoki()

function reasonToSkip(): string | false {
  if (module === undefined) {
    return 'docker/install-tools.sh opencryptoki installs it'
  }
  return process.getuid?.() !== 0 && 'only root can start its daemon'
}

t.test("openCryptoki's software token", { skip: reasonToSkip() }, async (t) => {
  const token = await createOpenCryptokiToken(t, t.testdir(), `${module}`)
  const { HSM_MODULE, HSM_PIN_FILE } = token.environment
  const access = ['--module', `${HSM_MODULE}`, '--token-label', token.label, '--login', '--pin']
  await testToken(t, {
    token,
    description: { manufacturer: 'IBM Corp.', model: 'IBM SoftTok' },
    listPrivateKeys: async () =>
      execFileSync(
        'pkcs11-tool',
        [...access, readFileSync(`${HSM_PIN_FILE}`, 'utf8'), '--list-objects', '--type', 'privkey'],
        { encoding: 'utf8', stdio: 'pipe' },
      ),
    ...{ tellsLocal: true, curves: false },
    listedKey:
      /label: +signer\n +ID: +01\n +Usage: +sign\n +Access: +sensitive, always sensitive, never extractable, local\n/,
    wrongPin: ['wrongpin', 'CKR_PIN_INCORRECT'],
  })

  await t.test('there are no EC keys', async (t) => {
    const options = ['--label', 'curve', '--curve', 'P-256']
    const { exitCode, stderr } = await runCommand(token.environment, 'keygen', ...options)
    t.equal(exitCode, 1)
    t.match(stderr, 'CKR_MECHANISM_INVALID')
  })
})
