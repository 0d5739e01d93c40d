/** How soon a revocation is noticed whose certificate had an answer before that is fresh for a week. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CRL_EXTENSIONS, startAuthorities } from '../support/authorities.ts'
import { generateKeyFile, issue, RSA_2048, writeBundle } from '../support/certificates.ts'
import { afterReload, logLines } from '../support/reload.ts'
import { RevocationAuthority } from '../support/revocation-authority.ts'
import { crlAt } from '../support/revocation-chain.ts'
import { startReadyService, startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createToken, importKey } from '../support/token.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const authorities = await startAuthorities(path('authorities'))
t.teardown(() => authorities.server.close())
const { issuing, responder, root, server } = authorities
const token = await createToken(path('token'))
const keyFile = generateKeyFile(directory, RSA_2048)
await importKey(token, keyFile, { label: 'key', id: '01' })
const issuers = [issuing.issued, root.issued].map(({ certificate }) => certificate)
const caFile = writeBundle(path('ca.pem'), issuers)

/** Nobody answers while this is so. */
let isSilent = false
server.on('/issuing', (request, response) => {
  if (isSilent) {
    response.writeHead(503).end()
    return undefined
  }
  return issuing.respond(request, { signer: responder, args: ['-ndays', '7'] })
})
const countAsked = () => server.asked.filter((path) => path === '/issuing').length

/** Starts a service with level b-lt and a new certificate, whose containers have what the responder says. */
async function start(t: Test, subject: string, variables: Record<string, string> = {}) {
  const { certificate, certificateFile } = authorities.certify({ subject: `/O=Test/CN=${subject}`, keyFile })
  const service = await startReadyService(t, {
    ...{ ...token.environment, HSM_SESSIONS: '1', LEVEL: 'b-lt', TSA_URL: authorities.timestampUrl },
    ...{ SIGNER_CERTIFICATE_FILE: certificateFile, CA_CERTIFICATES_FILE: caFile },
    TSA_CA_FILE: authorities.timestampRoot.issued.certificateFile,
    ...variables,
  })
  const sign = async () => {
    const content = { action: 'sign_pkcs7', encoded_contents: 'YQ==', signature_type: 'cades' }
    const answer = await service.sign(content)
    return answer.statusCode === 200 ? 'signed' : answer.json().code
  }
  await until('its containers are complete', async () => (await sign()) === 'signed')
  const revoke = () => issuing.revoke(certificate, new Date(), 'keyCompromise')
  return { service, sign, revoke }
}

t.test('within REVOCATION_MAX_AGE, and no request fails while nobody answers', async (t) => {
  const { service, sign, revoke } = await start(t, 'Aged', { REVOCATION_MAX_AGE: '10' })
  isSilent = true
  const before = countAsked()
  await until('its answer was too old', () => countAsked() > before, 120_000)
  await until('that is told', () =>
    logLines(service.log()).some(({ msg }) =>
      /^No revocation information from OCSP about .*CN=Aged/.test(msg),
    ),
  )
  t.equal(await sign(), 'signed', 'what is fresh counts')
  isSilent = false
  revoke()
  await until('it is noticed', async () => (await sign()) === 'CERTIFICATE_REVOKED', 120_000)
})

t.test('at once at SIGHUP', async (t) => {
  const { service, sign, revoke } = await start(t, 'Asked')
  revoke()
  const before = countAsked()
  t.equal(await sign(), 'signed', 'nobody was asked since')
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  await until('it is noticed', async () => (await sign()) === 'CERTIFICATE_REVOKED')
  t.equal(countAsked(), before + 1)
})

t.test(
  'in a CRL that the authority signed with a new key, whose certificate is in the CA file',
  async (t) => {
    const renewed = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: root.issued })
    const { certificate, certificateFile } = authorities.certify({
      ...{ subject: '/O=Test/CN=Renewed', keyFile, extension: crlAt(`${server.url}/renewed.crl`) },
    })
    const authority = new RevocationAuthority(directory, renewed)
    authority.revoke(certificate, new Date(), 'keyCompromise')
    server.on('/renewed.crl', () => authority.crl({ extensions: CRL_EXTENSIONS }))
    const { sign } = await startService(t, {
      ...{ ...token.environment, HSM_SESSIONS: '1', SIGNER_CERTIFICATE_FILE: certificateFile },
      CA_CERTIFICATES_FILE: writeBundle(path('renewed.pem'), [...issuers, renewed.certificate]),
    })
    const content = { action: 'sign_pkcs7', encoded_contents: 'YQ==', signature_type: 'cades' }
    await until('it is noticed', async () => (await sign(content)).statusCode === 500)
    t.equal((await sign(content)).json().code, 'CERTIFICATE_REVOKED')
  },
)
