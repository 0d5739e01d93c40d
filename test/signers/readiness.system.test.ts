/** The health page, metrics and log tell why signers do not sign though their keys do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { CRL_EXTENSIONS, startAuthorities } from '../support/authorities.ts'
import { generateKeyFile, issue, RSA_2048, writeBundle } from '../support/certificates.ts'
import { readLog } from '../support/log-lines.ts'
import { health, type SignerPart, signerReady } from '../support/readiness.ts'
import { afterReload } from '../support/reload.ts'
import { crlAt, ocspAt } from '../support/revocation-chain.ts'
import type { Handler } from '../support/revocation-server.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { createResponder, FOR_TIMESTAMPS, send as sendToken } from '../support/timestamp-authority.ts'
import { createToken, importKey } from '../support/token.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const authorities = await startAuthorities(path('authorities'))
t.teardown(() => authorities.server.close())
const { server, issuing, timestampIssuing } = authorities
const token = await createToken(path('token'))
const keyFile = generateKeyFile(directory, RSA_2048)
await importKey(token, keyFile, { label: 'key', id: '01' })
const environment = {
  ...token.environment,
  ...{ SIGNERS_FILE: path('signers.json'), SIGNERS_RELOAD_INTERVAL_MS: '0', HSM_SESSIONS: '1' },
}

const certify = (name: string, options: object = {}) =>
  authorities.certify({ subject: `/O=Test/CN=${name}`, keyFile, ...options })
const signer = certify('Signer')
const timestampAnchors = authorities.timestampRoot.issued.certificateFile
const timestamps = { url: authorities.timestampUrl, caFile: timestampAnchors }
const common: SignerEntry = {
  key: { label: 'key' },
  certificateFile: signer.certificateFile,
  caFile: writeBundle(
    path('ca.pem'),
    [issuing.issued, authorities.root.issued].map((one) => one.certificate),
  ),
  timestamps,
}
const past = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2021-02-03T04:05:06Z') }
const expired = certify('Expired', past)

function write(signers: Record<string, SignerEntry>, byDefault: string | null): void {
  writeFileSync(path('signers.json'), JSON.stringify({ default: byDefault, signers }))
}

const failing: Handler = (_, response) => {
  response.writeHead(500).end()
  return undefined
}
const timestamping: Handler = async (query, response) => {
  sendToken(response, await authorities.timestamp(query))
  return undefined
}
const timestampCrl: Handler = () => timestampIssuing.crl({ extensions: CRL_EXTENSIONS })

/** Starts another timestamp authority, about which nobody says anything. */
function certifyUnit(crl: string) {
  const unit = issue(directory, {
    subject: '/O=Test/CN=Silent unit',
    issuer: timestampIssuing.issued,
    extensions: [...FOR_TIMESTAMPS, crlAt(`${server.url}${crl}`)],
  })
  const respond = createResponder(directory, { signer: unit, chain: [timestampIssuing.issued] })
  server.on('/silent', async (query, response) => {
    sendToken(response, await respond(query))
    return undefined
  })
  return { url: `${server.url}/silent`, caFile: timestampAnchors }
}

async function signersOf(service: Service): Promise<Record<string, SignerPart>> {
  return (await health(service)).signers
}

/** Waits until a signer is in a state, and returns its part of the page. */
async function inState(service: Service, name: string, state: string): Promise<SignerPart> {
  await until(`${name} is ${state}`, async () => (await signersOf(service))[name]?.state === state, 60_000)
  return (await signersOf(service))[name] as SignerPart
}

/** Lines of the log that say that a signer cannot sign, or can again, without their common fields. */
function told({ log }: Service) {
  return readLog(log())
    .filter(({ msg }) => /^the signer can/.test(`${msg}`))
    .map(({ level, signer, token, state, msg }) => ({ level, signer, token, state, msg }))
}

function container(service: Service, name: string) {
  return service.sign({ action: 'sign_pkcs7', encoded_contents: 'AAAA', signing_token: tokenFor(name) })
}

t.test('a default signer whose certificate has expired: other signers do not make it ready', async (t) => {
  write({ old: { ...common, certificateFile: expired.certificateFile }, other: common }, 'old')
  const service = await startService(t, environment)
  const before = Date.now()
  await inState(service, 'other', 'ready')
  const reason = 'The certificate of O=Test, CN=Expired expired at 2021-02-03T04:05:06.000Z; renew it'
  const page = await health(service)
  t.match(page, {
    ...{ statusCode: 503, status: 'not ready', hsm: { state: 'ready' } },
    signers: {
      old: {
        ...{ state: 'certificate not valid', reason, token: 'test' },
        certificate: { notAfter: '2021-02-03T04:05:06.000Z' },
      },
    },
  })
  const since = new Date(`${page.signers.old?.since}`).getTime()
  t.ok(since > before - 60_000 && since <= Date.now())
  t.equal(await signerReady(service, 'old'), 0)
  t.equal(await signerReady(service, 'other'), 1)
  const cannot = {
    ...{ level: 50, signer: 'old', token: 'test', state: 'certificate not valid' },
    msg: `the signer cannot sign: certificate not valid: ${reason}`,
  }
  await until('it is logged', () => told(service).length > 0)
  t.strictSame(told(service), [cannot])

  write({ old: common, other: common }, 'old')
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  const cured = await inState(service, 'old', 'ready')
  t.notHas(cured, 'reason')
  t.ok(new Date(cured.since).getTime() > since, 'another state has another beginning')
  t.equal((await health(service)).statusCode, 200)
  t.equal(await signerReady(service, 'old'), 1)
  t.strictSame(told(service), [
    cannot,
    { level: 30, signer: 'old', token: 'test', state: 'ready', msg: 'the signer can sign again' },
  ])
})

t.test('without a default signer the first one that signs makes it ready', async (t) => {
  write({ old: { ...common, certificateFile: expired.certificateFile }, other: common }, null)
  const service = await startReadyService(t, environment)
  t.match(await signersOf(service), {
    old: { state: 'certificate not valid' },
    other: { state: 'ready' },
  })
})

t.test('a signer whose containers are all too large is ready, and warned about', async (t) => {
  const long = { revocationFallback: 'refuse', level: 'b-lt' } as const
  write(
    {
      enough: { ...common, ...long },
      chain: { ...common, level: 'b-b', containerSizeLimit: 1024 },
      evidence: { ...common, ...long, containerSizeLimit: 2048 },
      fallback: { ...common, ...long, revocationFallback: 'b-t', containerSizeLimit: 1024 },
      raw: { ...common, level: 'b-b', containerSizeLimit: 1024, containers: ['raw'] },
    },
    'enough',
  )
  const service = await startReadyService(t, environment)
  t.match(await signersOf(service), { evidence: { state: 'ready' }, chain: { state: 'ready' } })
  const warned = () =>
    readLog(service.log()).filter(({ msg }) => /^every container .*is refused/.test(`${msg}`))
  await until('all are warned about', () => warned().length >= 3)
  const told = Object.fromEntries(warned().map(({ signer, msg }) => [signer, msg]))
  t.match(told, {
    chain: /its chain alone has \d+ bytes, more than the 1024 that/,
    fallback: /its chain alone has \d+ bytes, more than the 1024 that/,
    evidence: /is refused: chain and data have \d+ bytes, more than the 2048 that/,
  })
  t.strictSame(Object.keys(told).toSorted(), ['chain', 'evidence', 'fallback'])
  const { statusCode, ...answer } = await container(service, 'evidence')
  t.match({ statusCode, code: answer.json().code }, { statusCode: 500, code: 'CONTAINER_TOO_LARGE' })
})

t.test('what is away at the start comes back by itself, without a request', async (t) => {
  const held = certify('Held', { extension: crlAt(`${server.url}/held.crl`) })
  const unanswered = certify('Unanswered', { extension: ocspAt(`${server.url}/nobody`) })
  issuing.revoke(held.certificate, new Date(Date.now() - 60_000), 'certificateHold')
  // Asked for again after four fifths of it
  const nextUpdate = () => new Date(Date.now() + 15_000)
  server.on('/held.crl', () => issuing.crl({ extensions: CRL_EXTENSIONS, nextUpdate: nextUpdate() }))
  const silentUnit = certifyUnit('/silent.crl')
  server.on('/timestamp', failing)
  server.on('/timestamp-issuing.crl', failing)
  t.teardown(() => server.on('/timestamp', timestamping))
  t.teardown(() => server.on('/timestamp-issuing.crl', timestampCrl))
  write(
    {
      long: { ...common, level: 'b-lt' },
      'long-by-two': { ...common, level: 'b-lt', timestamps: [timestamps, silentUnit] },
      stamped: { ...common, level: 'b-t' },
      held: { ...common, certificateFile: held.certificateFile },
      unanswered: {
        ...common,
        certificateFile: unanswered.certificateFile,
        level: 'b-lt',
        timestampFallback: 'b-b',
      },
      'stamped-or-not': { ...common, level: 'b-t', timestampFallback: 'b-b' },
      'long-or-not': { ...common, level: 'b-lt', timestampFallback: 'b-b', revocationFallback: 'b-t' },
      raw: { ...common, level: 'b-t', containers: ['raw'] },
    },
    'long',
  )
  const service = await startService(t, environment)
  const away = 'No authority gave a timestamp that is any good: an answer that does not count'
  const { reason } = await inState(service, 'held', 'revoked')
  t.match(reason, /^The certificate of O=Test, CN=Held was revoked at .* \(certificate hold\); have another/)
  await inState(service, 'unanswered', 'revocation information missing')
  await until('all of this is logged', () => told(service).length === 5)
  const page = await health(service)
  t.match(page, {
    statusCode: 503,
    signers: {
      long: { state: 'timestamp authority away', reason: away },
      stamped: { state: 'timestamp authority away', reason: away },
      unanswered: { reason: 'O=Test, CN=Unanswered: no answer that counts' },
      ...{ 'stamped-or-not': { state: 'ready' }, 'long-or-not': { state: 'ready' }, raw: { state: 'ready' } },
    },
  })
  t.notMatch(JSON.stringify(page.signers), /127\.|http:/, 'callers are told no addresses')
  t.equal(await signerReady(service, 'stamped'), 0)
  t.equal(await signerReady(service, 'stamped-or-not'), 1)

  server.on('/timestamp', timestamping)
  await inState(service, 'stamped', 'ready')
  const missing = await inState(service, 'long', 'revocation information missing')
  t.match(missing.reason, /O=Test, CN=Timestamps: /)
  t.equal((await health(service)).statusCode, 503)

  server.on('/timestamp-issuing.crl', timestampCrl)
  issuing.know(held.certificate)
  await inState(service, 'long', 'ready')
  t.equal((await health(service)).statusCode, 200)
  await inState(service, 'long-by-two', 'ready')
  t.equal((await container(service, 'long-by-two')).statusCode, 200, 'one of its authorities is enough')
  await inState(service, 'held', 'ready')
  t.equal((await container(service, 'long')).statusCode, 200)

  const lines = told(service).filter(({ signer }) => signer === 'stamped')
  const about = { signer: 'stamped', token: 'test' }
  t.strictSame(lines, [
    {
      ...{ level: 50, ...about, state: 'timestamp authority away' },
      msg: `the signer cannot sign: timestamp authority away: ${away}`,
    },
    { level: 30, ...about, state: 'ready', msg: 'the signer can sign again' },
  ])
})

t.test('an authority that is away later takes no other signer along', async (t) => {
  write({ stamped: { ...common, level: 'b-t' }, plain: common }, 'stamped')
  const service = await startReadyService(t, environment)
  t.teardown(() => server.on('/timestamp', timestamping))
  server.on('/timestamp', failing)
  t.equal((await container(service, 'stamped')).json().code, 'TIMESTAMP_UNAVAILABLE')
  await inState(service, 'stamped', 'timestamp authority away')
  t.match(await health(service), { statusCode: 200, signers: { plain: { state: 'ready' } } })
  server.on('/timestamp', timestamping)
  await inState(service, 'stamped', 'ready')

  write({ stamped: { ...common, level: 'b-t' } }, 'stamped')
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  server.on('/timestamp', failing)
  t.equal((await container(service, 'stamped')).json().code, 'TIMESTAMP_UNAVAILABLE')
  await until('nothing is signed any more', async () => (await health(service)).statusCode === 503)
  server.on('/timestamp', timestamping)
  await until('it is ready without a request', async () => (await health(service)).statusCode === 200)
})

t.test(
  'an authority that has not answered yet is waited for, also where nobody is asked about revocation',
  async (t) => {
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    server.on('/timestamp', async (query, response) => {
      await asked
      return timestamping(query, response)
    })
    t.teardown(() => server.on('/timestamp', timestamping))
    write({ stamped: { ...common, level: 'b-t' } }, 'stamped')
    const service = await startService(t, {
      ...environment,
      REVOCATION_CHECK: 'off',
      HSM_TIMEOUT_MS: '60000',
    })
    await until('the key signs', async () => (await health(service)).hsm.state === 'ready')
    t.match(await health(service), {
      statusCode: 503,
      signers: { stamped: { state: 'starting', reason: 'no timestamp authority has answered yet' } },
    })
    answer()
    await service.ready()
    t.strictSame(told(service), [])
  },
)
