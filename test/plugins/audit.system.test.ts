/** The audit log's records of requests are compared with what OpenSSL says of the answers. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createToken as createUserToken } from '../../src/access/user-token.ts'
import { decisionsIn, findChainProblems, readLines, readRecords, sha256 } from '../support/audit-records.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { holds } from '../support/secrets.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { hsmStatus, until } from '../support/signing.ts'
import { sendRaw } from '../support/socket.ts'
import { createSigningToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment: token, certificates } = await createSigningToken(join(directory, 'token'), {
  id: '0a1b',
})
const module = await createFaultyModule(directory, token)
const content = Buffer.concat([Buffer.from('a secret content '), randomBytes(100)])
const caller = await createUserToken()
const accessFile = join(directory, 'access.json')
writeFileSync(
  accessFile,
  JSON.stringify({
    users: [{ name: 'alice', ...caller.kept, signers: ['default'], containers: ['raw', 'pkcs7'] }],
  }),
)
const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8' })
const x509 = (...args: string[]) => openssl('x509', '-in', certificates.leaf, '-noout', ...args).trim()

let made = 0
async function start(
  t: Test,
  more: Record<string, string> = {},
): Promise<{ service: Service; file: string }> {
  made += 1
  const file = join(directory, `audit-${made}.jsonl`)
  module.plan()
  const service = await startReadyService(t, {
    ...module.environment,
    AUDIT_FILE: file,
    AUDIT_STREAM: 'one',
    ...more,
  })
  return { service, file }
}

const RAW = { action: 'sign', data_to_be_signed: content.toString('base64'), hash_algorithm: 'sha512' }
const CONTAINER = {
  action: 'sign_pkcs7',
  encoded_contents: content.toString('base64'),
  signature_type: 'cades',
}
const ENCODED = {
  hash: createHash('sha384').update(content).digest('hex'),
  encodedContents: content.toString('base64'),
}

/** Posts a body as alice, and returns the answer with its records. */
async function ask(
  { service, file }: { service: Service; file: string },
  body: object | string,
  { path = '/sign', headers = {}, who = caller.token } = {},
) {
  const text =
    typeof body === 'string' ? body : JSON.stringify({ ...body, ...(who && { signing_token: who }) })
  const answer = await send(`${service.url}${path}`, { method: 'POST', body: text, headers })
  const records = decisionsIn(file).filter(({ requestId }) => requestId === answer.headers['x-request-id'])
  return { answer, records, record: records[0] }
}

/** The signature in the SignerInfo of a container, as OpenSSL prints it: the last of its octet strings. */
function signatureIn(cms: Uint8Array): Buffer {
  const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: cms, encoding: 'utf8' })
  const hex = [...text.matchAll(/OCTET STRING +\[HEX DUMP\]:([0-9A-F]+)/g)].at(-1)?.[1] ?? ''
  return Buffer.from(hex, 'hex')
}

t.test('what was signed has a record that agrees with OpenSSL', async (t) => {
  const at = await start(t, { ACCESS: 'tokens', ACCESS_FILE: accessFile })
  const common = {
    ...{ kind: 'decision', outcome: 'signed', stream: 'one', access: 'tokens', subject: 'alice' },
    ...{ address: '127.0.0.1', signer: 'default', keyId: '0a1b', code: undefined, shortfall: undefined },
    certificateSerial: x509('-serial').replace('serial=', '').toLowerCase(),
    certificateSha256: x509('-fingerprint', '-sha256')
      .replace(/^.*=|:/g, '')
      .toLowerCase(),
  }
  await t.test('raw', async (t) => {
    const { answer, records, record } = await ask(at, RAW, { headers: { 'x-request-id': 'order-7' } })
    t.equal(records.length, 1)
    t.match(record, {
      ...{ ...common, path: '/sign', action: 'raw', container: 'raw', hashAlgorithm: 'sha512' },
      callerRequestId: 'order-7',
      digest: createHash('sha512').update(content).digest('hex'),
      signatureSha256: sha256(answer.body),
      durationMs: Number,
      signingMs: Number,
      version: /^\d+\.\d+\.\d+$/,
    })
    t.equal(record?.level, undefined)
    t.equal(record?.signatureType, undefined)
    t.ok(Number(record?.signingMs) <= Number(record?.durationMs))
  })
  await t.test('a container', async (t) => {
    const { answer, records, record } = await ask(at, CONTAINER, { path: '/sign?x=1' })
    t.equal(records.length, 1)
    t.match(record, {
      ...{ ...common, path: '/sign', action: 'container', container: 'pkcs7', hashAlgorithm: 'sha256' },
      ...{ signatureType: 'cades', level: 'b-b', digest: sha256(content) },
      signatureSha256: sha256(signatureIn(answer.body)),
    })
  })
  await t.test('encoded contents', async (t) => {
    const { answer, records, record } = await ask(at, ENCODED, { path: '/' })
    t.equal(answer.statusCode, 200, `${answer.body}`)
    t.equal(records.length, 1)
    t.match(record, {
      ...{ ...common, path: '/', action: 'encoded-contents', container: 'pkcs7', hashAlgorithm: 'sha384' },
      digest: ENCODED.hash,
      signatureSha256: sha256(signatureIn(Buffer.from(`${answer.json().p7}`, 'base64'))),
    })
  })
  await t.test('certificates have none', async (t) => {
    const { answer, records } = await ask(at, { action: 'get_certificates' })
    t.equal(answer.statusCode, 200)
    t.same(records, [])
  })
  t.same(findChainProblems(readLines(at.file)), [])
})

t.test('what was refused has a record, too', async (t) => {
  const limits = { HSM_SESSIONS: '1', HSM_QUEUE_LIMIT: '0', SIGNING_SERVICE_BODY_LIMIT: '100000' }
  const at = await start(t, { ACCESS: 'tokens', ACCESS_FILE: accessFile, ...limits })
  const refused = {
    outcome: 'refused',
    path: '/sign',
    access: 'tokens',
    signatureMade: undefined,
    signatureSha256: undefined,
  }
  for (const [code, statusCode, body, who, more] of [
    ['INVALID_REQUEST', 400, '{"action"', '', {}],
    ['UNKNOWN_ACTION', 400, { action: 'else' }, caller.token, { subject: 'alice' }],
    ['SIGNING_TOKEN_MISSING', 401, RAW, '', { subject: undefined }],
    ['SIGNING_TOKEN_INVALID', 401, RAW, 'A'.repeat(12), { subject: undefined }],
    ['ORIGIN_NOT_ALLOWED', 403, RAW, caller.token, {}],
    ['PAYLOAD_TOO_LARGE', 413, RAW, 'x'.repeat(200_000), {}],
    ['UNSUPPORTED_MEDIA_TYPE', 415, RAW, caller.token, {}],
  ] as const) {
    const headers: Record<string, string> =
      code === 'ORIGIN_NOT_ALLOWED'
        ? { origin: 'https://page.example' }
        : code === 'UNSUPPORTED_MEDIA_TYPE'
          ? { 'content-type': `text/plain; x=${'x'.repeat(300)}` }
          : {}
    const { answer, records, record } = await ask(at, body, { who, headers })
    t.match(answer.json(), { statusCode, code })
    t.equal(records.length, 1, code)
    t.match(record, { ...refused, code, ...more })
  }
  await t.test('HSM_BUSY', async (t) => {
    module.plan('C_Sign hold')
    const first = ask(at, RAW)
    await until('it signs', async () => (await hsmStatus(at.service.url)).sessions.busy === 1)
    const { answer, record } = await ask(at, RAW)
    module.plan()
    t.equal(answer.json().code, 'HSM_BUSY')
    t.match(record, {
      ...refused,
      code: 'HSM_BUSY',
      subject: 'alice',
      action: 'raw',
      container: 'raw',
      digest: String,
    })
    t.match((await first).record, { outcome: 'signed' })
  })
  await t.test('before it is routed further', async (t) => {
    await sendRaw(
      at.service.url,
      ['POST /sign HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
      0,
    )
    t.match(decisionsIn(at.file).at(-1), { ...refused, code: 'INVALID_REQUEST' })
  })
  await t.test('paths that are none have no record', async (t) => {
    const { length } = readLines(at.file)
    for (const [method, path] of [
      ['POST', '/other'],
      ['PUT', '/sign'],
      ['GET', '/health/ready'],
      ['GET', '/metrics'],
    ] as const) {
      await send(`${at.service.url}${path}`, { method })
    }
    t.equal(readLines(at.file).length, length)
  })
  t.same(findChainProblems(readLines(at.file)), [])
})

t.test('a signature that its client did not wait for is not recorded as handed over', async (t) => {
  const at = await start(t)
  module.plan('C_Sign hold')
  const outgoing = request(`${at.service.url}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  outgoing.on('error', () => {})
  outgoing.end(JSON.stringify(RAW))
  await until('it signs', async () => (await hsmStatus(at.service.url)).sessions.busy === 1)
  outgoing.destroy()
  await until('it is missed', async () => {
    const { samples } = await scrape(at.service.url)
    return (
      samples.get(
        'signing_service_http_request_duration_seconds_count{method="POST",route="/sign",status_code="none"}',
      ) === 1
    )
  })
  t.equal(decisionsIn(at.file).length, 0)
  const closed = at.service.app.close()
  module.plan()
  await closed
  const [record] = decisionsIn(at.file)
  t.match(record, {
    outcome: 'refused',
    code: undefined,
    signatureMade: true,
    action: 'raw',
    signatureSha256: String,
  })
  t.match(readRecords(at.file).at(-1), { kind: 'checkpoint', closes: true }, 'it is waited for at the end')
})

t.test('of more refusals than that some are counted only', async (t) => {
  const at = await start(t)
  await Promise.all(Array.from({ length: 60 }, () => ask(at, { action: 'else' }, { who: '' })))
  await at.service.app.close()
  const summaries = readRecords(at.file).flatMap((record) => (record.kind === 'refusals' ? [record] : []))
  const counted = summaries.reduce((sum, { count }) => sum + count, 0)
  t.equal(decisionsIn(at.file).length + counted, 60)
  t.ok(
    summaries.every(
      ({ codes, subject }) => Object.keys(codes).join() === 'UNKNOWN_ACTION' && subject === undefined,
    ),
  )
  t.same(findChainProblems(readLines(at.file)), [])
})

t.test('while nothing can be recorded nothing is signed', async (t) => {
  const at = await start(t)
  await ask(at, RAW)
  module.plan()
  const signed = module.calls('C_Sign')
  // The folder is away, as a disk is that was unmounted
  const folder = join(directory, 'elsewhere')
  const { file } = at
  renameSync(file, folder)
  writeFileSync(file, 'text\n')
  const lost = await at.service.sign(RAW)
  checkRefusal(t, lost, {
    ...{ statusCode: 503, code: 'AUDIT_UNAVAILABLE' },
    message: 'Decisions cannot be recorded at the moment, so nothing is signed; see the log',
  })
  t.equal(lost.headers['retry-after'], '1')
  t.equal(lost.headers['content-length'], `${lost.body.length}`)
  const made = module.calls('C_Sign')
  t.ok(made > signed, 'the first to fail was signed')
  for (const body of [RAW, CONTAINER, ENCODED, { action: 'else' }]) {
    t.equal((await at.service.sign(body)).json().code, 'AUDIT_UNAVAILABLE')
  }
  t.equal(module.calls('C_Sign'), made, 'the HSM is not asked')
  t.equal((await at.service.sign({ action: 'get_certificates' })).statusCode, 200)
  const health = await send(`${at.service.url}/health/ready`)
  t.equal(health.statusCode, 503)
  t.match(health.json(), {
    status: 'not ready',
    audit: { state: 'unavailable', reason: 'decisions cannot be recorded' },
  })
  t.notMatch(`${health.body}`, directory)
  const { samples } = await scrape(at.service.url)
  t.equal(samples.get('signing_service_audit_ready'), 0)
  t.match(
    readLog(at.service.log()).find(({ requestId }) => requestId === lost.headers['x-request-id']),
    { level: 50, code: 'AUDIT_UNAVAILABLE', signed: true },
  )
  rmSync(file)
  renameSync(folder, file)
  await at.service.ready()
  t.equal((await ask(at, RAW)).answer.statusCode, 200)
  t.same(findChainProblems(readLines(file)), [])
  const [first, recovered] = readRecords(file).filter(({ kind }) => kind === 'started')
  t.match(first, { reason: 'start' })
  const [found, ...others] = decisionsIn(file).filter(
    ({ requestId }) => requestId === lost.headers['x-request-id'],
  )
  t.same(others, [])
  // It was written, and is in the file that came back
  t.match(found, { outcome: 'signed', signatureSha256: String })
  const unanswered = { first: found?.number, last: found?.number }
  t.match(recovered, { reason: 'recovered', unrecorded: 4, unanswered })
  const after = await scrape(at.service.url)
  t.equal(after.samples.get('signing_service_audit_ready'), 1)
})

t.test('no secret is in records, log or metrics', async (t) => {
  const at = await start(t, {
    ACCESS: 'tokens',
    ACCESS_FILE: accessFile,
    AUDIT_STDOUT: 'true',
    AUDIT_SIGNER: 'default',
  })
  const signatures: Record<string, Uint8Array> = {}
  for (const [name, body] of Object.entries({ RAW, CONTAINER })) {
    const { answer } = await ask(at, body, { headers: { 'x-request-id': `a secret ${caller.token}` } })
    signatures[name] = name === 'RAW' ? answer.body : signatureIn(answer.body)
  }
  await ask(at, RAW, { headers: { authorization: `Bearer ${caller.token}` }, who: `${caller.token}x` })
  await ask(at, RAW, { who: caller.token, path: `/sign?token=${caller.token}` })
  const texts = {
    records: readLines(at.file).join('\n'),
    log: at.service.log(),
    metrics: (await scrape(at.service.url)).text,
  }
  for (const [name, secret] of Object.entries({ ...signatures, content, PIN, token: caller.token })) {
    for (const [place, text] of Object.entries(texts)) {
      t.notOk(holds(text, secret), `${name} is not in the ${place}`)
    }
  }
  t.equal(
    decisionsIn(at.file).every(({ callerRequestId }) => callerRequestId === undefined),
    true,
  )

  const shipped = () =>
    readLog(at.service.log()).flatMap(({ audit }) => (audit === undefined ? [] : [JSON.stringify(audit)]))
  // A checkpoint, which is signed meanwhile, comes into the file first
  await until('the log has what the file has', () => shipped().length === readLines(at.file).length)
  t.same(findChainProblems(shipped()), [], 'the log has the chain')
  t.same(shipped(), readLines(at.file))
})

t.test('an address is one, or not told', async (t) => {
  const at = await start(t, { TRUSTED_PROXIES: '127.0.0.1' })
  for (const [given, address] of [
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    [`fe80::1%${'e'.repeat(5000)}`, `fe80::1%${'e'.repeat(56)}`],
    ['192.0.2.7:4711', '192.0.2.7'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['<script>', 'unknown'],
    ['x'.repeat(5000), 'unknown'],
  ] as const) {
    const { record } = await ask(at, RAW, { who: '', headers: { 'x-forwarded-for': given } })
    t.equal(record?.address, address)
  }
})

t.test('metrics tell of records, and of the disk', async (t) => {
  const at = await start(t, { AUDIT_SIGNER: 'default', AUDIT_CHECKPOINT_SECONDS: '1' })
  await ask(at, RAW)
  await until('there is a checkpoint', async () => {
    const { samples } = await scrape(at.service.url)
    return (samples.get('signing_service_audit_records_total{kind="checkpoint"}') ?? 0) > 0
  })
  const { samples } = await scrape(at.service.url)
  t.equal(samples.get('signing_service_audit_records_total{kind="decision"}'), 1)
  t.equal(samples.get('signing_service_audit_records_total{kind="refusals"}'), 0)
  t.equal(samples.get('signing_service_audit_ready'), 1)
  t.equal(samples.get('signing_service_audit_checkpoint_interval_seconds'), 1)
  t.ok(samples.has('signing_service_audit_checkpoint_age_seconds'))
  t.ok(Number(samples.get('signing_service_audit_free_bytes')) > 0)
  t.ok(Number(samples.get('signing_service_audit_wait_seconds_count')) >= 2)
  t.match((await send(`${at.service.url}/health/ready`)).json(), { audit: { state: 'recording' } })
})

t.test('without an audit log there is nothing of it', async (t) => {
  module.plan()
  const service = await startReadyService(t, module.environment)
  t.equal((await service.sign(RAW)).statusCode, 200)
  t.notOk((await send(`${service.url}/health/ready`)).json().audit)
  t.notMatch((await scrape(service.url)).text, 'audit')
})
