import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Readiness } from '../../src/signers/readiness.ts'
import { send } from '../support/http.ts'
import { startReadyService, startService } from '../support/service.ts'
import { hsmStatus, rawRequest, until } from '../support/signing.ts'
import { sendManyRaw } from '../support/socket.ts'
import { createSigningToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment, certificates } = await createSigningToken(directory)
const earliestEnd = [certificates.leaf, certificates.intermediate, certificates.root]
  .map((file) => execFileSync('openssl', ['x509', '-in', file, '-noout', '-enddate'], { encoding: 'utf8' }))
  .map((line) => new Date(line.trim().slice('notAfter='.length)))
  .sort((a, b) => a.getTime() - b.getTime())[0]

const service = await startReadyService(t, environment)

t.test('a service that signs is ready', async (t) => {
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
  t.same(signers, {
    default: {
      ...{ state: 'ready', since: hsm?.since, token: 'test' },
      certificate: { notAfter: earliestEnd?.toISOString() },
    },
  })
  t.same(Object.keys(configuration ?? {}), ['since'], 'there was no change of it')
  t.strictSame(Object.keys(hsm?.sessions as object), ['opening', 'idle', 'busy', 'zombie'])
  t.same(certificate, { valid: true, notAfter: earliestEnd?.toISOString() })
})

t.test('however many ask at the same time, the signers are looked at once', async (t) => {
  const checks = t.capture(Readiness.prototype, 'check', Readiness.prototype.check)
  const request = 'GET /health/ready HTTP/1.1\r\nHost: x\r\n'
  const answers = await sendManyRaw(service.url, request, 25)
  t.equal(answers.match(/HTTP\/1.1 200 OK/g)?.length, 200)
  t.equal(answers.match(/"status":"ready"/g)?.length, 200)
  // The requests may come in several pieces, and the service checks by itself once a second
  const { length } = checks()
  t.ok(length < 50, `looked ${length} times`)
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
  const { state, since, reason } = hsm ?? {}
  t.same(signers, { default: { state, since, reason, token: 'away' } })
  t.equal((await send(`${service.url}/health/live`)).statusCode, 200)
  t.equal((await send(service.url)).statusCode, 200)
  t.match(
    service.log(),
    /"level":20,.*"\/health\/ready".*"statusCode":503/,
    'probes do not fill the log with errors',
  )
  t.notMatch(service.log(), /"level":50,.*"\/health\/ready"/)
})

t.test('whatever is not there, callers are told no path of it', async (t) => {
  const pinFile = (name: string, pin: string) => {
    const file = join(directory, name)
    writeFileSync(file, pin)
    return file
  }
  const removed = pinFile('removed', PIN)
  const library = join(directory, 'no-library.so')
  writeFileSync(library, 'text')
  const cases: Record<
    string,
    { change: Record<string, string>; reason: RegExp; logged: string; prepare?: (t: Test) => void }
  > = {
    'the library': {
      change: { ...environment, HSM_MODULE: library },
      reason: /library cannot be loaded/,
      logged: library,
    },
    'the PIN file': {
      change: { ...environment, HSM_PIN_FILE: removed },
      reason: /PIN cannot be read/,
      logged: 'HSM_PIN_FILE',
      prepare: () => rmSync(removed),
    },
    'the right PIN': {
      change: { ...environment, HSM_PIN_FILE: pinFile('wrong', '00000000') },
      reason: /refused the PIN/,
      logged: 'the token refused the PIN',
    },
    'the token': {
      change: { ...environment, HSM_TOKEN_LABEL: 'away' },
      reason: /not present/,
      logged: 'no token fits',
    },
    'the key': {
      change: { ...environment, HSM_KEY_LABEL: 'nobody' },
      reason: /do not fit/,
      logged: 'no private key fits',
    },
    'the program of the signer process': {
      change: environment,
      reason: /ended \(ENOENT\)/,
      logged: 'the signer process ended',
      prepare: (t) => t.intercept(process, 'execPath', { value: join(directory, 'no-node') }),
    },
  }
  for (const [name, { change, reason, logged, prepare }] of Object.entries(cases)) {
    t.test(name, async (t) => {
      const service = await startService(t, change, () => prepare?.(t))
      await until('there is a reason', async () => (await hsmStatus(service.url)).reason !== undefined)
      t.match((await hsmStatus(service.url)).reason, reason)
      const page = await send(`${service.url}/health/ready`)
      t.equal(page.statusCode, 503)
      t.notMatch(page.body.toString(), '/')
      const answer = await service.sign(rawRequest('one'))
      t.match(answer.json(), { statusCode: 503, code: 'HSM_UNAVAILABLE' })
      t.notMatch(`${answer.json().message}`.replace('/health/ready', ''), '/')
      const told = [service.log(), ...service.misconfigured.map(({ message }) => message)].join()
      t.match(told, logged, 'the operator is told')
    })
  }
})
