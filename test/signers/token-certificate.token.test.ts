/** A signer whose certificate is an object on the token: it may be revoked as one in a file may be. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createCertifiedToken } from '../support/certified-token.ts'
import { runCommand } from '../support/command.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const content = randomBytes(500)
const { authorities, signer, entry, token } = await createCertifiedToken(t, directory)
const { root, issuing, timestampRoot } = authorities
const { certificate, certificateFile } = signer
const environment = {
  ...token.environment,
  ...{ HSM_KEY_LABEL: 'key', HSM_SESSIONS: '1', CA_CERTIFICATES_FILE: entry.caFile },
}
const request = { action: 'sign_pkcs7', encoded_contents: content.toString('base64'), signature_type: 'cms' }

const imported = await runCommand(environment, 'import-cert', certificateFile)
t.equal(imported.exitCode, 0, imported.stderr)

t.test('it has containers of level b-lt', async (t) => {
  const { ready, sign } = await startService(t, {
    ...environment,
    ...{ LEVEL: 'b-lt', TSA_URL: authorities.timestampUrl },
    TSA_CA_FILE: timestampRoot.issued.certificateFile,
  })
  await ready()
  const { statusCode, body } = await sign(request)
  t.equal(statusCode, 200)
  const trustAnchors = root.issued.certificateFile
  t.ok((await verifyCms({ cms: body, content, trustAnchors, cades: false })).valid)
})

t.test('it signs no more when it was revoked', async (t) => {
  issuing.revoke(certificate, new Date(Date.now() - 60_000), 'keyCompromise')
  const { sign } = await startService(t, environment)
  await until('it is known', async () => (await sign(request)).statusCode === 500)
  t.equal((await sign(request)).json().code, 'CERTIFICATE_REVOKED')
})
