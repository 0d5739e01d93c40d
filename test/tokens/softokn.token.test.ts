import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../support/command.ts'
import { send } from '../support/http.ts'
import { signsWith } from '../support/reload.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
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
    ...{ tellsLocal: false, curves: true },
    listedKey: /rsa +[0-9a-f]+ +signer/,
    wrongPin: ['not-the-pin', 'CKR_PIN_INCORRECT'],
  })

  await t.test('one service signs with it and with a token of another library', async (t) => {
    const { HSM_MODULE, HSM_MODULE_PARAMETERS, HSM_PIN_FILE } = token.environment
    const folder = await createSignersFolder(t.testdir())
    const near = await folder.addKey('near')
    const certificates = join(token.directory, 'certificates')
    const far = new X509Certificate(readFileSync(join(certificates, 'leaf.pem')))
    folder.write({
      near: folder.entry('near'),
      far: {
        key: { label: 'signer' },
        token: {
          ...{ module: `${HSM_MODULE}`, moduleParameters: `${HSM_MODULE_PARAMETERS}` },
          ...{ label: token.label, pinFile: `${HSM_PIN_FILE}` },
        },
        certificateFile: join(certificates, 'leaf.pem'),
        caFile: join(certificates, 'ca-bundle.pem'),
      },
    })
    const service = await startReadyService(t, folder.environment)
    t.equal(await signsWith(service.url, 'near'), near.certificate.serialNumber)
    t.equal(await signsWith(service.url, 'far'), far.serialNumber)
    t.match((await send(`${service.url}/health/ready`)).json(), {
      signers: { near: { state: 'ready' }, far: { state: 'ready' } },
    })
  })

  await t.test('the id of its slot is not taken for the index', async (t) => {
    const { HSM_TOKEN_LABEL: _, ...environment } = token.environment
    const byId = await runCommand(environment, 'keys', '--slot', '2')
    t.equal(byId.exitCode, 1)
    t.match(
      byId.stderr,
      /^no token fits slot 2; 2 is the id of a slot, not its index in the slot list, which is 1: set 1; /,
    )
    t.match(await runCommand(environment, 'keys', '--slot', '1'), { exitCode: 0 })
  })

  await t.test('there are EC keys', async (t) => {
    const options = ['--label', 'another curve', '--curve', 'P-256', '--json']
    const { exitCode, stdout, stderr } = await runCommand(token.environment, 'keygen', ...options)
    t.equal(exitCode, 0, stderr)
    t.match(JSON.parse(stdout), { type: 'EC', curve: 'P-256', sensitive: true, extractable: false })
  })
})
