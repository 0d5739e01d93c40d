import { symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { loadConfiguration } from '../../../src/configuration/load.ts'
import { runCommand } from '../../support/command.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { createSignersFolder } from '../../support/signers.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house')
await folder.addKey('contracts')
folder.write(['house', 'contracts'])
const module = await createFaultyModule(folder.directory, folder.environment)

t.test('each goes the whole way', async (t) => {
  const { exitCode, stdout } = await runCommand(module.environment, 'check')
  t.equal(exitCode, 0)
  t.match(stdout, /\nSigner house\nok +library [\s\S]+\nSigner contracts\nok +library /)
  t.match(stdout, /50 of 50 verify with the certificate: ecdsa with sha256, sha384, sha512\n/)
})

t.test('programs are told whose step it is', async (t) => {
  const { exitCode, stdout } = await runCommand(module.environment, 'check', '--json')
  t.equal(exitCode, 0)
  const { steps } = JSON.parse(stdout) as { steps: { name: string; signer?: string }[] }
  const whose = (wanted: string) => steps.filter(({ name }) => name === wanted).map(({ signer }) => signer)
  t.strictSame(whose('configuration'), [undefined])
  t.strictSame(whose('chain'), ['house', 'contracts'])
})

t.test('a commitment that a reason in the PDF would contradict is warned of, as in the log', async (t) => {
  const signersFile = folder.path('with-commitment.json')
  const house = folder.entry('house', { commitmentType: 'proofOfApproval' })
  writeFileSync(signersFile, JSON.stringify({ signers: { house } }))
  const environment = { ...module.environment, SIGNERS_FILE: signersFile }
  const [warning = '', ...others] = loadConfiguration(environment).warnings
  t.match(warning, 'SIGNERS_FILE /signers/house/commitmentType: with it a signature is no PAdES')
  t.strictSame(others, [])
  const { exitCode, stdout } = await runCommand(environment, 'check')
  t.equal(exitCode, 0)
  t.ok(stdout.startsWith('warning  configuration         in order; level b-b: '), stdout)
  t.ok(stdout.includes(`; ${warning}\n`), stdout)
})

t.test('a PIN that the token refuses is told it once, and for one signer', async (t) => {
  const pinFile = folder.path('wrong-pin')
  writeFileSync(pinFile, 'wrong-pin')
  const logins = module.calls('C_Login')
  const { exitCode, stdout, stderr } = await runCommand(module.environment, 'check', '--pin-file', pinFile)
  t.equal(exitCode, 1)
  t.equal(stderr, 'Not all is well: house: login\n')
  t.match(
    stdout,
    /\nSigner contracts\nskipped +library +the token refused the login, which is not tried again\n/,
  )
  t.equal(module.calls('C_Login'), logins + 1)
})

t.test('however signers name the token, and their library, it is told the PIN once', async (t) => {
  const pinFile = folder.path('another-wrong-pin')
  writeFileSync(pinFile, 'wrong-pin')
  const link = folder.path('link.so')
  symlinkSync(`${module.environment.HSM_MODULE}`, link)
  const signersFile = folder.path('ways.json')
  const key = { key: { label: 'house' } }
  const ways = {
    label: folder.entry('house', { ...key, token: { label: folder.token.label } }),
    slot: folder.entry('house', { ...key, token: { slot: 0 } }),
    link: folder.entry('house', { ...key, token: { slot: 0, module: link } }),
  }
  writeFileSync(signersFile, JSON.stringify({ default: 'label', signers: ways }))
  const environment = { ...module.environment, SIGNERS_FILE: signersFile, HSM_TOKEN_LABEL: '' }
  const logins = module.calls('C_Login')
  const { exitCode, stdout, stderr } = await runCommand(environment, 'check', '--pin-file', pinFile)
  t.equal(exitCode, 1)
  t.equal(stderr, 'Not all is well: label: login, slot: login, link: login\n')
  t.match(stdout, /\nfailed +login +a login with this PIN has failed at this token, and is not tried again\n/)
  t.equal(module.calls('C_Login'), logins + 1)
})
