/** A signer whose certificate is an object on the token: it may be revoked as one in a file may be. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { startAuthorities } from '../support/authorities.ts'
import { generateKeyFile, RSA_2048, writeBundle } from '../support/certificates.ts'
import { runCommand } from '../support/command.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createToken, importKey } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const content = randomBytes(500)
const authorities = await startAuthorities(path('authorities'))
t.teardown(() => authorities.server.close())
const { root, issuing, timestampRoot } = authorities
const token = await createToken(path('token'))
const keyFile = generateKeyFile(directory, RSA_2048)
await importKey(token, keyFile, { label: 'key', id: '01' })
const { certificate, certificateFile } = authorities.certify({ subject: '/O=Test/CN=Signer', keyFile })
const issuers = [issuing.issued, root.issued].map((one) => one.certificate)
const environment = {
  ...token.environment,
  ...{ HSM_KEY_LABEL: 'key', HSM_SESSIONS: '1', CA_CERTIFICATES_FILE: writeBundle(path('ca.pem'), issuers) },
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
