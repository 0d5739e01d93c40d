import { execFileSync } from 'node:child_process'
import t from 'tap'
import { send } from '../support/http.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment, certificates } = await createSigningToken(t.testdir())
const earliestEnd = [certificates.leaf, certificates.intermediate, certificates.root]
  .map((file) => execFileSync('openssl', ['x509', '-in', file, '-noout', '-enddate'], { encoding: 'utf8' }))
  .map((line) => new Date(line.trim().slice('notAfter='.length)))
  .sort((a, b) => a.getTime() - b.getTime())[0]

t.test('a service that signs is ready', async (t) => {
  const service = await startReadyService(t, environment)
  const answer = await send(`${service.url}/health/ready`)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  const body = answer.json() as Record<string, Record<string, unknown>>
  const { status, closing, hsm, certificate, signers, configuration } = body
  t.equal(status, 'ready')
  t.equal(closing, false)
  t.match(hsm, { state: 'ready', queued: 0 })
  t.notHas(hsm, 'reason')
  const since = new Date(String(hsm?.since)).getTime()
  t.ok(since <= Date.now() && since > Date.now() - 120_000)
  t.same(signers, { total: 1, ready: 1 })
  t.same(Object.keys(configuration ?? {}), ['since'], 'there was no change of it')
  t.strictSame(Object.keys(hsm?.sessions as object), ['opening', 'idle', 'busy', 'zombie'])
  t.same(certificate, { valid: true, notAfter: earliestEnd?.toISOString() })
})

t.test('a service whose token is away is live, and not ready for a reason', async (t) => {
  const { SIGNER_CERTIFICATE_FILE, ...rest } = environment
  const service = await startService(t, { ...rest, HSM_TOKEN_LABEL: 'away' })
  const end = Date.now() + 30_000
  let answer = await send(`${service.url}/health/ready`)
  while (!('reason' in (answer.json().hsm as object)) && Date.now() < end) {
    t.equal(answer.statusCode, 503)
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = await send(`${service.url}/health/ready`)
  }
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['cache-control'], 'no-store')
  const body = answer.json() as Record<string, Record<string, unknown>>
  const { status, hsm, certificate, signers } = body
  t.equal(status, 'not ready')
  t.type(hsm?.reason, 'string')
  t.same(certificate, { valid: false }, 'it was to be read from the token')
  t.same(signers, { total: 1, ready: 0 })
  t.equal((await send(`${service.url}/health/live`)).statusCode, 200)
  t.equal((await send(service.url)).statusCode, 200)
  t.match(
    service.log(),
    /"level":20,.*"\/health\/ready".*"statusCode":503/,
    'probes do not fill the log with errors',
  )
  t.notMatch(service.log(), /"level":50,.*"\/health\/ready"/)
})
