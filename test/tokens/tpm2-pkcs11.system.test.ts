import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAIN, runCommand } from '../support/command.ts'
import { afterReload, SERIAL_NUMBER, signsWith } from '../support/reload.ts'
import { startReadyService } from '../support/service.ts'
import { hsmStatus, rawRequest, until } from '../support/signing.ts'
import { issueCertificates, PIN } from '../support/token.ts'
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
    wrongPin: ['not-the-pin', 'CKR_PIN_INCORRECT'],
  })

  const certificates = join(token.directory, 'certificates')
  const leaf = join(certificates, 'leaf.pem')
  const environment = { ...token.environment, HSM_SESSIONS: '2', HSM_TIMEOUT_MS: '2000' }
  const entry = (label: string, certificateFile: string) => ({
    ...{ key: { label }, certificateFile, caFile: join(certificates, 'ca-bundle.pem') },
  })

  await t.test('a key that another process generates is taken over', async (t) => {
    const file = join(token.directory, 'more-signers.json')
    const write = (signers: object) =>
      writeFileSync(
        file,
        JSON.stringify({ default: 'first', signers: { first: entry('signer', leaf), ...signers } }),
      )
    write({})
    const service = await startReadyService(t, { ...environment, SIGNERS_FILE: file })
    const publicKey = join(token.directory, 'next.pub.pem')
    const options = ['--label', 'next', '--curve', 'P-256', '--public-key', publicKey]
    t.match(await runCommand(token.environment, 'keygen', ...options), { exitCode: 0 })
    const next = await issueCertificates(certificates, publicKey, 'next.pem')
    const outcome = await afterReload(service, () => {
      write({ next: entry('next', next.leaf) })
      service.app.reload()
    })
    t.equal(outcome, 'taken over')
    t.match(await signsWith(service.url, 'next'), SERIAL_NUMBER)
    t.match(await signsWith(service.url, 'first'), SERIAL_NUMBER)
  })

  await t.test('what the library prints is told from what the command says', async (t) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'keygen', '--label', 'long', '--bits', '4096'],
      { encoding: 'utf8', env: { ...process.env, ...token.environment } },
    )
    t.same([status, stdout], [1, ''])
    const lines = stderr.trimEnd().split('\n')
    t.equal(lines.pop(), 'the PKCS#11 library answered CKR_ATTRIBUTE_VALUE_INVALID')
    t.ok(lines.includes('PKCS#11: ERROR: Keysize 4096 not supported.'), stderr)
    t.same(
      lines.filter((line) => !line.startsWith('PKCS#11: ')),
      [],
    )
  })

  await t.test('the device goes and comes back', async (t) => {
    const service = await startReadyService(t, {
      ...environment,
      SIGNER_CERTIFICATE_FILE: leaf,
      HSM_KEY_LABEL: 'signer',
    })
    const sign = async () => {
      const { statusCode, body } = await service.sign(rawRequest('document'))
      return statusCode === 200 ? 'signed' : `${statusCode} ${JSON.parse(`${body}`).code}`
    }
    const losses = {
      'the resource manager': [tpm.killManager, tpm.startManager],
      'the TPM': [tpm.killTpm, tpm.startTpm],
    } as const
    for (const [name, [lose, restore]] of Object.entries(losses)) {
      t.equal(await sign(), 'signed')
      await lose()
      t.match(await sign(), /^503 HSM_/, `${name} is gone`)
      await until('the service is not ready', async () => (await hsmStatus(service.url)).state !== 'ready')
      await restore()
      await service.ready()
      t.equal(await sign(), 'signed', `${name} is back`)
    }
  })
})
