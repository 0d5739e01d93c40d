/** On which ports the page is shown, as far as the configuration says who may call. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { issue } from '../support/certificates.ts'
import { send, type TlsOptions } from '../support/http.ts'
import { type Service, startService } from '../support/service.ts'
import { callWith, issueClient, issueServer } from '../support/tls.ts'
import { createSigningToken } from '../support/token.ts'

const DAY_MS = 86_400_000
const directory = t.testdir()
const { environment } = await createSigningToken(join(directory, 'token'))
const root = issue(directory, { subject: '/CN=Root', ca: true })
const server = issueServer(directory, root, { notAfter: new Date(Date.now() + 3.5 * DAY_MS) })
const client = issueClient(directory, root, ['engine.example.com'])
const TLS = { TLS_CERT_FILE: server.certificateFile, TLS_KEY_FILE: server.keyFile }
const accessFile = join(directory, 'access.json')
writeFileSync(accessFile, JSON.stringify({ users: [] }))

/** Returns what a browser is shown. */
async function show(url: string, tls?: TlsOptions): Promise<string> {
  const { statusCode, body } = await send(url, { headers: { accept: 'text/html,*/*;q=0.8' }, tls })
  t.equal(statusCode, 200)
  return body.toString()
}

const start = (t: Test, change: Record<string, string>): Promise<Service> =>
  startService(t, { ...environment, ...change })

const limits: Record<string, { change: Record<string, string>; tls?: TlsOptions }> = {
  'users with tokens': { change: { ACCESS: 'tokens', ACCESS_FILE: accessFile } },
  'one network': { change: { ACCESS_FROM: '127.0.0.0/8' } },
  'clients with certificates': {
    change: { ...TLS, TLS_CLIENT_CA_FILE: root.certificateFile },
    tls: callWith(root, client),
  },
}

for (const [who, { change, tls }] of Object.entries(limits)) {
  t.test(`where ${who} alone may have something signed, it is on the admin port alone`, async (t) => {
    const without = await start(t, change)
    t.match(JSON.parse(await show(without.url, tls)), { status: 'ok' })
    const service = await start(t, { ...change, ADMIN_PORT: '0' })
    t.match(JSON.parse(await show(service.url, tls)), { status: 'ok' })
    t.match(await show(service.adminUrl), '<h1')
  })
}

t.test('with TLS it says when the certificate of the port ends', async (t) => {
  const service = await start(t, TLS)
  const page = await show(service.url, callWith(root))
  t.match(page, 'The TLS certificate of the port ends in 3 days.')
})
