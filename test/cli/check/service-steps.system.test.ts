import { join } from 'node:path'
import t, { type Test } from 'tap'
import { issue } from '../../support/certificates.ts'
import { failuresOf, runCheck } from '../../support/check.ts'
import { runCommand } from '../../support/command.ts'
import { createFaultyModule } from '../../support/faulty-module/faulty-module.ts'
import { startHttpServer } from '../../support/http-server.ts'
import { startReadyServerProcess } from '../../support/server-process.ts'
import { callWith, issueClient, issueServer } from '../../support/tls.ts'
import { createSigningToken, issueCertificates } from '../../support/token.ts'

const directory = t.testdir()
const { publicKey, environment } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)

t.test('the running service', async (t) => {
  const server = await startReadyServerProcess(t, environment)

  t.test('is ready, tells its version, and has the same certificate', async (t) => {
    const { exitCode, steps } = await runCheck(environment, '--url', server.address)
    t.equal(exitCode, 0)
    t.match(steps, {
      'service: ready': { status: 'ok', found: '200, HSM ready' },
      'service: version': { status: 'ok', found: /^\d+\.\d+\.\d+ on Node v\d+/ },
      'service: certificate': { status: 'ok' },
    })
  })
  t.test('has another certificate', async (t) => {
    const { leaf } = await issueCertificates(join(directory, 'certificates'), publicKey, 'renewed.pem')
    const { failed } = await failuresOf(
      faulty,
      [],
      { SIGNER_CERTIFICATE_FILE: leaf },
      '--url',
      server.address,
    )
    t.match(failed, {
      'service: certificate':
        /^get_certificates answers another certificate: of O=Demo, CN=Test signer, serial \w+$/,
    })
  })
  t.test('is asked also where the certificate is on a token that cannot be opened', async (t) => {
    const { failed, skipped } = await failuresOf(
      faulty,
      ['C_Login return CKR_DEVICE_ERROR'],
      { SIGNER_CERTIFICATE_FILE: '' },
      '--url',
      server.address,
    )
    t.strictSame(Object.keys(failed), ['login'])
    t.ok(skipped.includes('service: certificate'))
  })
  t.test('is asked even where the configuration is wrong', async (t) => {
    const { exitCode, failed, skipped } = await failuresOf(
      faulty,
      [],
      { HSM_SESSIONS: '0' },
      '--url',
      server.address,
    )
    t.equal(exitCode, 78)
    t.strictSame(Object.keys(failed), ['configuration'])
    t.ok(skipped.includes('service: certificate'))
  })
})

t.test('a service with an admin port', async (t) => {
  const { address, adminUrl } = await startReadyServerProcess(t, { ...environment, ADMIN_PORT: '0' })

  t.test('tells its version and the states of signers there alone', async (t) => {
    const { exitCode, steps } = await runCheck(environment, '--url', address)
    t.equal(exitCode, 0)
    t.match(steps, {
      'service: ready': { status: 'ok', found: '200, ready' },
      'service: version': { status: 'skipped', found: 'ADMIN_PORT has this: see --admin-url' },
      'service: certificate': { status: 'ok' },
    })
  })
  t.test('is asked at both', async (t) => {
    const { exitCode, steps } = await runCheck(environment, '--url', address, '--admin-url', adminUrl())
    t.equal(exitCode, 0)
    t.match(steps, {
      'service: ready': { status: 'ok', found: '200, HSM ready' },
      'service: version': { status: 'ok', found: /^\d+\.\d+\.\d+ on Node v\d+/ },
      'service: certificate': { status: 'ok' },
    })
  })
  t.test('is not asked at the admin port alone', async (t) => {
    const { exitCode, stderr } = await runCommand(environment, 'check', '--admin-url', adminUrl())
    t.equal(exitCode, 2)
    t.match(stderr, "option '--admin-url' needs '--url'")
  })
})

t.test('the running service over TLS', async (t) => {
  const root = issue(directory, { subject: '/CN=Root', ca: true })
  const serverCertificate = issueServer(directory, root)
  const client = issueClient(directory, root, ['monitoring.example.com'])
  const variables = {
    ...environment,
    TLS_CERT_FILE: serverCertificate.certificateFile,
    TLS_KEY_FILE: serverCertificate.keyFile,
    TLS_CLIENT_CA_FILE: root.certificateFile,
  }
  const server = await startReadyServerProcess(t, variables, undefined, callWith(root, client))
  const ca = ['--url', server.address, '--tls-ca', root.certificateFile]
  const shown = ['--tls-cert', client.certificateFile, '--tls-key', client.keyFile]
  const { steps } = await runCheck(environment, ...ca, ...shown)
  t.match(steps, { 'service: ready': { status: 'ok' }, 'service: certificate': { status: 'ok' } })
  const { steps: untrusted } = await runCheck(environment, '--url', server.address, ...shown)
  t.match(untrusted, { 'service: ready': { status: 'failed', found: /UNABLE_TO_VERIFY|SELF_SIGNED/ } })
  const { exitCode, stderr } = await runCommand(environment, 'check', ...ca, '--tls-key', 'missing.pem')
  t.equal(exitCode, 1)
  t.match(stderr, 'missing.pem cannot be used: ENOENT')
})

t.test('a service that is not ready', async (t) => {
  const replies: Record<string, [number, object]> = {
    '/health/ready': [
      503,
      {
        hsm: { state: 'pin refused', reason: 'CKR_PIN_LOCKED' },
        signers: { one: { state: 'ready' }, two: { state: 'revoked', reason: 'It was revoked' } },
      },
    ],
    '/metrics': [404, {}],
    '/sign': [503, { code: 'HSM_UNAVAILABLE' }],
  }
  const url = await serve(t, (path) => replies[path] ?? [404, {}])
  const { failed } = await failuresOf(faulty, [], {}, '--url', url)
  t.same(failed, {
    'service: ready': '503, HSM pin refused: CKR_PIN_LOCKED; signer two revoked: It was revoked',
    'service: version': '/metrics answers 404 without signing_service_build_info',
    'service: certificate': 'get_certificates answers 503 HSM_UNAVAILABLE',
  })
})

t.test('something else than the service', async (t) => {
  const certificate = { ca_certificates: [], certificates: ['AAAA'] }
  for (const [answer, ready] of [
    ['<html>', '/health/ready answers 200, and not as the service does'],
    [[], '/health/ready answers 200, and not as the service does'],
    [{ hsm: null, signers: null }, '/health/ready answers 200, and not as the service does'],
    [{ hsm: {}, signers: { one: null } }, '/health/ready answers 200, and not as the service does'],
    [{ status: 'ready', certificates: [], ca_certificates: [] }, undefined],
    [{ status: 'ready', ...certificate }, undefined],
    [{ status: 'ready' }, undefined],
  ] as const) {
    const url = await serve(t, () => [200, answer])
    const { failed } = await failuresOf(faulty, [], {}, '--url', url)
    const leaf = 'get_certificates answers something else than certificates'
    const name = JSON.stringify(answer)
    t.same(failed, ready === undefined ? { 'service: certificate': leaf } : { 'service: ready': ready }, name)
  }
  const url = await serve(t, (path) => (path === '/sign' ? [502, '<html>'] : [200, { status: 'ready' }]))
  const { failed } = await failuresOf(faulty, [], {}, '--url', url)
  t.same(failed, { 'service: certificate': 'get_certificates answers 502' })
})

t.test('no service at all', async (t) => {
  const { failed, skipped } = await failuresOf(faulty, [], {}, '--url', 'https://127.0.0.1:1')
  t.same(failed, { 'service: ready': 'cannot be reached, or broke off (ECONNREFUSED)' })
  t.strictSame(skipped, ['service: version', 'service: certificate'])
})

t.test('a service that never answers', async (t) => {
  const { steps } = await runCheck({}, '--timeout', '1', '--url', await startHttpServer(t))
  t.match(steps, { 'service: ready': { status: 'failed', found: 'no answer for 1 seconds' } })
})

t.test('an address that is none', async (t) => {
  for (const url of ['127.0.0.1:6000', 'http://']) {
    const { exitCode, stderr } = await runCommand(environment, 'check', '--url', url)
    t.equal(exitCode, 2)
    t.match(stderr, /It must be an address such as http:/)
  }
})

/** Answers with a status and a body for each path, which is text or becomes JSON; returns the address. */
function serve(t: Test, answer: (path: string) => readonly [number, unknown]): Promise<string> {
  return startHttpServer(t, (request, response) => {
    const [status, body] = answer(`${request.url}`)
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}
