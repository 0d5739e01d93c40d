import t from 'tap'
import { runCommand } from '../support/command.ts'
import { createSoftoknToken, findSoftokn } from '../support/softokn.ts'
import { certutil } from '../support/validators/nss.ts'
import { testToken } from './every-token.ts'

const module = findSoftokn()

t.test('softokn, of NSS', { skip: !module && 'docker/install-tools.sh softokn installs it' }, async (t) => {
  const token = await createSoftoknToken(t.testdir(), `${module}`)
  await testToken(t, {
    token,
    description: { slot: 1, serial: '0000000000000000', manufacturer: 'Mozilla Foundation', model: 'NSS 3' },
    listPrivateKeys: () =>
      certutil('-K', '-d', `sql:${token.directory}`, '-f', `${token.environment.HSM_PIN_FILE}`),
    curves: true,
    listedKey: /rsa +[0-9a-f]+ +signer/,
    wrongPin: ['wrong-pin', 'CKR_PIN_INCORRECT'],
  })

  await t.test('there are EC keys', async (t) => {
    const options = ['--label', 'another curve', '--curve', 'P-256', '--json']
    const { exitCode, stdout, stderr } = await runCommand(token.environment, 'keygen', ...options)
    t.equal(exitCode, 0, stderr)
    t.match(JSON.parse(stdout), { type: 'EC', curve: 'P-256', sensitive: true, extractable: false })
  })
})
