/** Containers of each level, as a service makes them, while those whom it asks answer and while they do not. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { CRL_EXTENSIONS } from '../support/authorities.ts'
import { issue, writeBundle } from '../support/certificates.ts'
import { createCertifiedToken } from '../support/certified-token.ts'
import { runCommand } from '../support/command.ts'
import { signedAttributesOf } from '../support/container-parts.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { afterReload, countReloads, problemsSince, reloadStatus } from '../support/reload.ts'
import { RevocationAuthority } from '../support/revocation-authority.ts'
import { crlAt } from '../support/revocation-chain.ts'
import type { Handler } from '../support/revocation-server.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyService, startService } from '../support/service.ts'
import { tokenFor } from '../support/signers.ts'
import { hsmStatus, until } from '../support/signing.ts'
import { createResponder, FOR_TIMESTAMPS, send as sendToken } from '../support/timestamp-authority.ts'
import { hasTinyproxy, startTinyproxy } from '../support/tinyproxy.ts'
import { faultIn, type JavaDemands } from '../support/validators/bouncy-castle.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const content = randomBytes(500)
/** DER of the object identifiers that tell where revocation data are. */
const ARCHIVAL = Buffer.from('06092a864886f72f010108', 'hex')
const REVOCATION_VALUES = Buffer.from('060b2a864886f70d0109100218', 'hex')
const OCSP_IN_SIGNED_DATA = Buffer.from('06082b06010505071002', 'hex')
const { authorities, keyFile, signer, entry, timestamps, token } = await createCertifiedToken(t, directory)
/** OpenSSL alone judges where it is not installed. */
const bouncyCastle = WITHOUT_JAVA === false ? await startBouncyCastle(t) : undefined

const anchors = authorities.root.issued.certificateFile
const timestampAnchors = authorities.timestampRoot.issued.certificateFile
const { certificateFile, certificate } = signer
const common: SignerEntry = { ...entry, timestamps }
const signers: Record<string, SignerEntry> = {
  'b-b': { ...common, level: 'b-b' },
  'b-t': { ...common, level: 'b-t' },
  'b-lt': { ...common, level: 'b-lt' },
  'b-t-or-b-b': { ...common, level: 'b-t', timestampFallback: 'b-b' },
  'b-lt-or-less': { ...common, level: 'b-lt', timestampFallback: 'b-b', revocationFallback: 'b-t' },
  small: { ...common, level: 'b-b', containerSizeLimit: 2048 },
  'small-b-t': { ...common, level: 'b-t', containerSizeLimit: 3072 },
}
/** Writes the file of the signers, some of them otherwise. */
function writeSigners(changed: Record<string, object> = {}): void {
  const file = { default: 'b-b', signers: { ...signers, ...changed } }
  writeFileSync(path('signers.json'), JSON.stringify(file))
}

writeSigners()
const service = await startReadyService(t, {
  ...token.environment,
  ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '2', HSM_TIMEOUT_MS: '4000' },
})

type SignatureType = 'cms' | 'cades'

function ask(signer: string, type: SignatureType) {
  return service.sign({
    action: 'sign_pkcs7',
    encoded_contents: content.toString('base64'),
    hash_algorithm: 'sha256',
    signature_type: type,
    signing_token: tokenFor(signer),
  })
}

/** Undefined where OpenSSL and Bouncy Castle find a container of the level. */
async function faultOf(
  cms: Buffer,
  type: SignatureType,
  level: 'b-b' | 'b-t' | 'b-lt',
  more: Partial<Pick<JavaDemands, 'overFile' | 'timestampAnchors'>> = {},
) {
  const { valid, message } = await verifyCms({ cms, content, trustAnchors: anchors, cades: type === 'cades' })
  const demands = { anchors, timestampAnchors, type, level, at: new Date(), ...more }
  return valid ? bouncyCastle && faultIn(await bouncyCastle.cms(cms, content, demands)) : message
}

async function signed(signer: string, type: SignatureType): Promise<Buffer> {
  const { statusCode, body } = await ask(signer, type)
  if (statusCode !== 200) {
    throw new Error(`${statusCode} ${body}`)
  }
  return body
}

async function metric(name: string, labels: string): Promise<number | undefined> {
  return (await scrape(service.url)).samples.get(`signing_service_${name}{${labels}}`)
}

/** Everything that is to be embedded was fetched. */
const isComplete = async () =>
  (await metric('revocation_information_complete', 'signer="b-lt"')) === 1 &&
  (await ask('b-lt', 'cms')).statusCode === 200

/** Has an authority answer otherwise until the end of the test. */
function play(
  t: { teardown(act: () => void): void },
  at: string,
  handler: Handler,
  otherwise: Handler,
): void {
  authorities.server.on(at, handler)
  t.teardown(() => authorities.server.on(at, otherwise))
}

const timestamping: Handler = async (query, response) => {
  sendToken(response, await authorities.timestamp(query))
  return undefined
}

function withResolver() {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

await until('what is to be embedded was fetched', isComplete)

t.test('each level, as others see it', async (t) => {
  for (const level of ['b-b', 'b-t', 'b-lt'] as const) {
    for (const type of ['cms', 'cades'] as const) {
      t.equal(await faultOf(await signed(level, type), type, level), undefined, `${type} ${level}`)
    }
  }
  for (const type of ['cms', 'cades'] as const) {
    const cms = await signed('b-lt', type)
    t.ok(
      signedAttributesOf(cms).includes(ARCHIVAL),
      `${type}: revocation data are where readers of PDFs look`,
    )
    t.notOk(cms.includes(REVOCATION_VALUES))
  }
  if (bouncyCastle !== undefined) {
    t.match(await faultOf(await signed('b-t', 'cms'), 'cms', 'b-lt'), /revocation/i, 'b-t is less than b-lt')
    t.match(await faultOf(await signed('b-b', 'cades'), 'cades', 'b-t'), /timestamp/i, 'b-b is less than b-t')
  }
  t.match(service.log(), /"containerLevel":"b-lt"/)
  t.ok(Number(await metric('containers_total', 'signer="b-t",level="b-t",shortfall="none"')) >= 2)
})

// This comes before any outage, since a probe in the background may still wait for its answer after one
t.test('authorities that give no timestamp are not taken over in place of one that does', async (t) => {
  const write = (changed: object) =>
    writeSigners({ 'b-t': { ...signers['b-t'], timestamps: { ...timestamps, ...changed } } })
  const wrong = {
    'an address that is not there': { url: `${authorities.timestampUrl}s` },
    'trust anchors of others': { caFile: anchors },
  }
  for (const [what, changed] of Object.entries(wrong)) {
    const start = service.log().length
    t.equal(await afterReload(service, () => write(changed)), 'pending', what)
    t.match(problemsSince(service, start), [
      /^SIGNERS_FILE \/signers\/b-t\/timestamps\/url: containers of level b-t cannot be made: No authority gave a timestamp that is any good: /,
    ])
    t.match(await reloadStatus(service.url), {
      outcome: 'pending',
      reason: 'timestamps are missing',
      pending: 1,
    })
    t.equal(await faultOf(await signed('b-t', 'cades'), 'cades', 'b-t'), undefined)
  }
  t.equal(await afterReload(service, () => write({})), 'taken over')
})

t.test('the command signs with the same levels', async (t) => {
  writeFileSync(path('content'), content)
  const environment = { ...token.environment, SIGNERS_FILE: path('signers.json') }
  const sign = async (signer: string) => {
    const { exitCode, stdout, stderr } = await runCommand(
      environment,
      ...['sign', path('content'), '--json', '--signer', signer],
    )
    return { exitCode, stderr, ...JSON.parse(stdout) }
  }
  for (const level of ['b-t', 'b-lt'] as const) {
    const { signature, ...told } = await sign(level)
    t.match(told, { exitCode: 0, stderr: '', level, type: 'cades' })
    const cms = Buffer.from(signature, 'base64')
    t.equal(await faultOf(cms, 'cades', level, { overFile: true }), undefined, level)
    t.equal(cms.includes(OCSP_IN_SIGNED_DATA), level === 'b-lt', 'CAdES has it in SignedData.crls')
    t.notOk(cms.includes(ARCHIVAL) || cms.includes(REVOCATION_VALUES))
  }
  play(t, '/timestamp', () => Buffer.from('no timestamp'), timestamping)
  t.match(await sign('b-t-or-b-b'), {
    exitCode: 0,
    level: 'b-b',
    stderr: 'The signature has level b-b only: TIMESTAMP_UNAVAILABLE\n',
  })
  const refused = await runCommand(environment, ...['sign', path('content'), '--json', '--signer', 'b-t'])
  t.equal(refused.exitCode, 1)
  t.match(
    refused.stderr,
    /log has the details\. In detail: 127.* answered with another content type/,
    'it has no log',
  )
})

t.test('what is wrong with a timestamp', async (t) => {
  const { host } = new URL(authorities.timestampUrl)
  let earlier: Buffer | undefined
  const repeating: Handler = async (query, response) => {
    earlier ??= await authorities.timestamp(query)
    sendToken(response, earlier)
    return undefined
  }
  const failing: Handler = (_, response) => {
    response.writeHead(500).end()
    return undefined
  }
  const breaking: Handler = async (query, response) => {
    sendToken(response, (await authorities.timestamp(query)).subarray(0, 900))
    return undefined
  }
  play(t, '/timestamp', repeating, timestamping)
  await signed('b-t', 'cades')
  for (const [handler, outcome] of [
    [failing, 'http_error'],
    [() => undefined, 'timeout'],
    [repeating, 'mismatch'],
    [breaking, 'malformed'],
  ] as const) {
    await t.test(outcome, async (t) => {
      authorities.server.on('/timestamp', handler)
      const answer = await ask('b-t', 'cades')
      t.equal(answer.statusCode, 503)
      t.equal(answer.json().code, 'TIMESTAMP_UNAVAILABLE')
      t.match(
        answer.json().message,
        /: (no answer|an answer that does not count); the log has the details$/,
        'callers are told no addresses',
      )
      const [lower, long] = await Promise.all([signed('b-t-or-b-b', 'cades'), signed('b-lt-or-less', 'cms')])
      t.equal(await faultOf(lower, 'cades', 'b-b'), undefined)
      t.equal(await faultOf(long, 'cms', 'b-b'), undefined)
      // In the background it is asked too
      t.ok(Number(await metric('timestamp_requests_total', `authority="${host}",outcome="${outcome}"`)) >= 3)
    })
  }
  const labels = 'signer="b-t-or-b-b",level="b-b",shortfall="TIMESTAMP_UNAVAILABLE"'
  t.equal(await metric('containers_total', labels), 4)
  t.match(service.log(), /"containerLevel":"b-b","shortfall":"TIMESTAMP_UNAVAILABLE"/)
  for (const { level, shortfall } of readLog(service.log()).filter(({ containerLevel }) => containerLevel)) {
    t.equal(level, shortfall === undefined ? 30 : 40, 'one below its level is a warning')
  }
  t.match(
    service.log(),
    /"code":"TIMESTAMP_UNAVAILABLE","statusCode":503,"signed":true/,
    'a signature that nobody got',
  )
  t.match(service.log(), /No timestamp: .* answered with the HTTP status 500/)
  authorities.server.on('/timestamp', timestamping)
  t.equal(await faultOf(await signed('b-t', 'cades'), 'cades', 'b-t'), undefined, 'it is over')
})

t.test('an authority of which two units take turns', async (t) => {
  const { server, timestampIssuing } = authorities
  const unit = issue(directory, {
    subject: '/O=Test/CN=Second unit',
    issuer: timestampIssuing.issued,
    extensions: [...FOR_TIMESTAMPS, crlAt(`${server.url}/timestamp-issuing.crl`)],
  })
  timestampIssuing.know(unit.certificate)
  const second = createResponder(directory, { signer: unit, chain: [timestampIssuing.issued] })
  let count = 0
  const takingTurns: Handler = async (query, response) => {
    count += 1
    sendToken(response, await (count % 2 === 0 ? second : authorities.timestamp)(query))
    return undefined
  }
  play(t, '/timestamp', takingTurns, timestamping)
  for (const type of ['cms', 'cades'] as const) {
    await until('both are known', async () => {
      const answers = [await ask('b-lt', type), await ask('b-lt', type)]
      return answers.every(({ statusCode }) => statusCode === 200)
    })
    for (const subject of ['one', 'the other']) {
      t.equal(await faultOf(await signed('b-lt', type), type, 'b-lt'), undefined, `${type}, ${subject}`)
    }
  }
})

t.test('a client that leaves while an authority works', async (t) => {
  const { host } = new URL(authorities.timestampUrl)
  const abandoned = async () =>
    (await metric('timestamp_requests_total', `authority="${host}",outcome="abandoned"`)) ?? 0
  const before = await abandoned()
  play(t, '/timestamp', () => undefined, timestamping)
  const body = { action: 'sign_pkcs7', digest: '00'.repeat(32), signing_token: tokenFor('b-t-or-b-b') }
  const request = send(`${service.url}/sign`, { method: 'POST', body: JSON.stringify(body), timeoutMs: 500 })
  await t.rejects(request, /no answer for 500 ms/)
  await until('the authority is not waited for any more', async () => (await abandoned()) === before + 1)
  t.notMatch(service.log(), /an unexpected error/)
})

t.test('another certificate is taken over as soon as there is revocation information about it', async (t) => {
  const renewed = authorities.certify({ subject: '/O=Test/CN=Renewed', keyFile })
  const stranger = authorities.certify({ subject: '/O=Test/CN=Stranger', keyFile })
  authorities.issuing.forget(stranger.certificate)
  const write = (file: string) => writeSigners({ 'b-lt': { ...signers['b-lt'], certificateFile: file } })
  const outcome = await afterReload(service, () => write(renewed.certificateFile))
  t.equal(outcome, 'taken over')
  const first = await signed('b-lt', 'cms')
  t.ok(first.includes(renewed.certificate.raw))
  t.equal(await faultOf(first, 'cms', 'b-lt'), undefined)
  t.equal(await afterReload(service, () => write(stranger.certificateFile)), 'pending')
  t.match(
    service.log(),
    /SIGNERS_FILE \/signers\/b-lt\/certificateFile: containers of level b-lt cannot be made: O=Test, CN=Stranger: /,
  )
  t.ok((await signed('b-lt', 'cms')).includes(renewed.certificate.raw))
  t.match(await reloadStatus(service.url), {
    ...{ outcome: 'pending', reason: 'revocation information for containers of level b-lt is missing' },
    ...{ pending: 1, refused: 0 },
  })
  const { takenOver } = countReloads(service)
  authorities.issuing.know(stranger.certificate)
  await until('it is taken over', () => countReloads(service).takenOver > takenOver, 120_000)
  t.ok((await signed('b-lt', 'cms')).includes(stranger.certificate.raw))
  const told = service.log().match(/"No revocation information from OCSP about O=Test, CN=Stranger/g)
  t.equal(told?.length, 1, 'it is told once, however often it is asked for')
  const revoked = authorities.certify({ subject: '/O=Test/CN=Revoked', keyFile })
  authorities.issuing.revoke(revoked.certificate, new Date(Date.now() - 60_000), 'superseded')
  t.equal(await afterReload(service, () => write(revoked.certificateFile)), 'refused')
  t.match(
    service.log(),
    /SIGNERS_FILE \/signers\/b-lt\/certificateFile: \S+: The certificate of O=Test, CN=Revoked was revoked at /,
  )
  t.equal(await afterReload(service, () => writeSigners()), 'taken over')
})

t.test('a signer gives up its fallback when there is revocation information', async (t) => {
  const unknown = authorities.certify({ subject: '/O=Test/CN=Unknown', keyFile })
  authorities.issuing.forget(unknown.certificate)
  const write = (more: object) =>
    writeSigners({ 'b-lt': { ...signers['b-lt'], certificateFile: unknown.certificateFile, ...more } })
  t.equal(await afterReload(service, () => write({ revocationFallback: 'b-t' })), 'taken over')
  t.equal(await afterReload(service, () => write({})), 'pending')
  t.equal(await faultOf(await signed('b-lt', 'cades'), 'cades', 'b-t'), undefined)
  t.equal(await afterReload(service, () => writeSigners()), 'taken over')
})

t.test('an authority that comes with a changed file is known before it is needed', async (t) => {
  const timestamps = { url: authorities.timestampUrl, caFile: timestampAnchors, hashAlgorithm: 'sha512' }
  const write = () => writeSigners({ 'b-lt': { ...signers['b-lt'], timestamps } })
  t.equal(await afterReload(service, write), 'taken over')
  t.equal(await faultOf(await signed('b-lt', 'cms'), 'cms', 'b-lt'), undefined)
  t.equal(await afterReload(service, () => writeSigners()), 'taken over')
})

t.test('a container that is under way is finished, whatever takes the place of its signer', async (t) => {
  const write = (file: string) => {
    const changed = { 'b-lt': { ...signers['b-lt'], certificateFile: file } }
    writeFileSync(path('one.json'), JSON.stringify({ signers: changed }))
  }
  write(certificateFile)
  const one = await startReadyService(t, {
    ...token.environment,
    ...{ SIGNERS_FILE: path('one.json'), HSM_SESSIONS: '1', HSM_TIMEOUT_MS: '30000' },
  })
  let isAsked = false
  const { promise, resolve } = withResolver()
  const waiting: Handler = async (query, response) => {
    isAsked = true
    await promise
    return timestamping(query, response)
  }
  play(t, '/timestamp', waiting, timestamping)
  const body = { action: 'sign_pkcs7', encoded_contents: content.toString('base64'), signature_type: 'cades' }
  const answer = one.sign(body)
  await until('there is a signature', () => isAsked)
  for (const name of ['Second', 'Third']) {
    const next = authorities.certify({ subject: `/O=Test/CN=${name}`, keyFile })
    t.equal(await afterReload(one, () => write(next.certificateFile)), 'taken over')
  }
  resolve()
  const { statusCode, body: cms } = await answer
  t.equal(statusCode, 200)
  t.ok(cms.includes(certificate.raw))
  t.equal(await faultOf(cms, 'cades', 'b-lt'), undefined)
})

t.test('what is larger than allowed', async (t) => {
  const countSigned = async () =>
    Number(await metric('hsm_calls_total', 'token="test",operation="sign",return_value="CKR_OK"'))
  const counts: number[] = []
  for (let tries = 0; tries < 3; tries++) {
    const before = await countSigned()
    const answer = await ask('small', 'cms')
    t.equal(answer.statusCode, 500)
    t.equal(answer.json().code, 'CONTAINER_TOO_LARGE')
    const [, length] =
      /^The container has (\d+) bytes, more than the 2048 that/.exec(`${answer.json().message}`) ?? []
    t.equal(Number(length), (await signed('b-b', 'cms')).length)
    counts.push((await countSigned()) - before)
  }
  t.equal(
    Math.min(...counts),
    1,
    'it is told before it is signed; a session may make a test signature meanwhile',
  )
  t.match((await ask('small-b-t', 'cms')).json(), {
    code: 'CONTAINER_TOO_LARGE',
    message: /^The container has \d{4} bytes, more than the 3072 that/,
  })
})

t.test('raw signatures know of no level', async (t) => {
  const { statusCode, body } = await service.sign({
    action: 'sign',
    data_to_be_signed: content.toString('base64'),
    signing_token: tokenFor('small'),
  })
  t.equal(statusCode, 200)
  t.equal(body.length, 256)
})

t.test('a certificate that was revoked signs nothing', async (t) => {
  authorities.issuing.revoke(certificate, new Date(Date.now() - 60_000), 'keyCompromise')
  const revoked = await startService(t, {
    ...token.environment,
    ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '1' },
  })
  const refusal = async (body: object) => (await revoked.sign(body)).json()
  const raw = { action: 'sign', data_to_be_signed: content.toString('base64') }
  await until('it is known', async () => (await revoked.sign(raw)).statusCode === 500)
  t.match(await refusal(raw), {
    statusCode: 500,
    message:
      /^The certificate of O=Test, CN=Signer was revoked at .*Z \(key compromise\); have another one issued, or, where it is one of several of an authority, take it out of the files$/,
  })
  t.match(await refusal({ action: 'sign_pkcs7', encoded_contents: content.toString('base64') }), {
    code: 'CERTIFICATE_REVOKED',
  })
  t.equal((await scrape(revoked.url)).samples.get('signing_service_certificate_revoked{signer="b-b"}'), 1)
  const unchecked = await startReadyService(t, {
    ...token.environment,
    ...{ SIGNER_CERTIFICATE_FILE: certificateFile, REVOCATION_CHECK: 'off', HSM_SESSIONS: '1' },
  })
  t.equal((await unchecked.sign(raw)).statusCode, 200, 'where nobody may be asked, nobody is')
  authorities.issuing.know(certificate)
})

t.test('revocation information that nobody gives', async (t) => {
  const respond: Handler = (request) =>
    authorities.issuing.respond(request, { signer: authorities.responder })
  const failing: Handler = (_, response) => {
    response.writeHead(500).end()
    return undefined
  }
  play(t, '/issuing', failing, respond)
  const { sign, url, log } = await startService(t, {
    ...token.environment,
    ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '1' },
  })
  await until('the key signs', async () => (await hsmStatus(url)).state === 'ready')
  const { statusCode } = await send(`${url}/health/ready`)
  t.equal(statusCode, 503, 'soon after the start it is waited for')
  const body = (signer: string, type: SignatureType) => ({
    action: 'sign_pkcs7',
    encoded_contents: content.toString('base64'),
    signature_type: type,
    signing_token: tokenFor(signer),
  })
  for (const type of ['cms', 'cades'] as const) {
    await until('it was asked for', async () =>
      /Signer: no answer that counts/.test(`${(await sign(body('b-lt', type))).json().message}`),
    )
    const refused = await sign(body('b-lt', type))
    t.equal(refused.statusCode, 503)
    t.equal(refused.json().code, 'REVOCATION_UNAVAILABLE')
    t.match(refused.json().message, /O=Test, CN=Signer: /)
    t.notMatch(refused.json().message, /http|500/)
    const lower = await sign(body('b-lt-or-less', type))
    t.equal(lower.statusCode, 200)
    t.equal(await faultOf(lower.body, type, 'b-t'), undefined, type)
  }
  t.match(log(), /OCSP about O=Test, CN=Signer: http.*answered with the HTTP status 500/)
  const labels = 'signer="b-lt-or-less",level="b-t",shortfall="REVOCATION_UNAVAILABLE"'
  t.equal((await scrape(url)).samples.get(`signing_service_containers_total{${labels}}`), 2)
})

t.test('an authority whose certificate was revoked timestamps no more, at b-t either', async (t) => {
  const { server, timestampIssuing, timestamps } = authorities
  const unit = issue(directory, {
    subject: '/O=Test/CN=Other unit',
    issuer: timestampIssuing.issued,
    extensions: [...FOR_TIMESTAMPS, crlAt(`${server.url}/timestamp-issuing.crl`)],
  })
  timestampIssuing.know(unit.certificate)
  const other = createResponder(directory, { signer: unit, chain: [timestampIssuing.issued] })
  server.on('/other', async (query, response) => {
    sendToken(response, await other(query))
    return undefined
  })
  timestampIssuing.revoke(timestamps.certificate, new Date(Date.now() - 60_000), 'keyCompromise')
  t.teardown(() => timestampIssuing.know(timestamps.certificate))
  // At the start it is down: that it was revoked is known as soon as it is back
  let isDown = true
  const down: Handler = (query, response) => {
    if (isDown) {
      response.writeHead(500).end()
      return undefined
    }
    return timestamping(query, response)
  }
  play(t, '/timestamp', down, timestamping)
  const of = (...urls: string[]) => ({
    ...common,
    level: 'b-t' as const,
    timestamps: urls.map((url) => ({ url, caFile: timestampAnchors })),
  })
  const otherUrl = `${server.url}/other`
  const signers = { one: of(authorities.timestampUrl), both: of(authorities.timestampUrl, otherUrl) }
  writeFileSync(path('revoked.json'), JSON.stringify({ default: 'one', signers }))
  const { sign, log, url } = await startService(t, {
    ...token.environment,
    ...{ SIGNERS_FILE: path('revoked.json'), HSM_SESSIONS: '1' },
  })
  await until('the key signs', async () => (await hsmStatus(url)).state === 'ready')
  const make = (signer: string) =>
    sign({
      action: 'sign_pkcs7',
      encoded_contents: content.toString('base64'),
      signature_type: 'cades',
      signing_token: tokenFor(signer),
    })
  await until('it is asked in vain', () => log().includes('answered with the HTTP status 500'))
  isDown = false
  await until('it is known in the background', () =>
    /The certificate of O=Test, CN=Timestamps was revoked/.test(log()),
  )
  const refused = await make('one')
  t.equal(refused.statusCode, 503)
  t.equal(
    refused.json().message,
    'No authority gave a timestamp that is any good: its certificate was revoked; the log has the details',
  )
  const container = await make('both')
  t.equal(container.statusCode, 200)
  t.ok(container.body.includes(unit.certificate.raw), 'the next authority was asked')
  t.match(
    log(),
    /timestamps with a certificate that does not count: that of O=Test, CN=Timestamps was revoked at/,
  )
  const { samples } = await scrape(url)
  const { host } = new URL(authorities.timestampUrl)
  const revoked = [...samples].filter(([name]) => name.includes('outcome="revoked"'))
  t.ok(revoked.length > 0 && revoked.every(([name]) => name.includes(host)))
})

t.test('an authority whose CRL is away comes last at b-lt', async (t) => {
  const { server, timestampIssuing } = authorities
  // Another root, so that its CRL is one of its own
  const otherRoot = new RevocationAuthority(
    directory,
    issue(directory, { subject: '/O=Other/CN=Root', ca: true }),
  )
  const unit = issue(directory, {
    subject: '/O=Other/CN=Unit',
    issuer: otherRoot.issued,
    extensions: [...FOR_TIMESTAMPS, crlAt(`${server.url}/other-root.crl`)],
  })
  otherRoot.know(unit.certificate)
  const crl = await otherRoot.crl({ extensions: CRL_EXTENSIONS })
  server.on('/other-root.crl', () => crl)
  const respond = createResponder(directory, { signer: unit, chain: [] })
  const otherwise: Handler = async (query, response) => {
    sendToken(response, await respond(query))
    return undefined
  }
  server.on('/other-unit', otherwise)
  const failing: Handler = (_, response) => {
    response.writeHead(503).end()
    return undefined
  }
  play(t, '/timestamp-issuing.crl', failing, () => timestampIssuing.crl({ extensions: CRL_EXTENSIONS }))
  const anchorsOfBoth = writeBundle(path('anchors-of-both.pem'), [
    authorities.timestampRoot.issued.certificate,
    otherRoot.issued.certificate,
  ])
  const timestamps = [authorities.timestampUrl, `${server.url}/other-unit`].map((url) => ({
    ...{ url, caFile: anchorsOfBoth },
  }))
  const signers = {
    'b-lt': { ...common, timestamps, level: 'b-lt' },
    'b-lt-or-less': { ...common, timestamps, level: 'b-lt', revocationFallback: 'b-t' },
    'b-t': { ...common, timestamps, level: 'b-t' },
  }
  writeFileSync(path('away.json'), JSON.stringify({ default: 'b-lt', signers }))
  const environment = { ...token.environment, SIGNERS_FILE: path('away.json'), HSM_SESSIONS: '1' }
  const one = await startReadyService(t, environment)
  const make = (signer: string, type: SignatureType) =>
    one.sign({
      action: 'sign_pkcs7',
      encoded_contents: content.toString('base64'),
      signature_type: type,
      signing_token: tokenFor(signer),
    })
  for (const type of ['cms', 'cades'] as const) {
    await until('a container is made', async () => (await make('b-lt', type)).statusCode === 200)
    for (const signer of ['b-lt', 'b-lt-or-less']) {
      const { statusCode, body } = await make(signer, type)
      t.equal(statusCode, 200)
      t.ok(body.includes(unit.certificate.raw), 'the next authority was asked')
      t.ok(body.includes(crl), 'with its CRL')
      const more = { timestampAnchors: otherRoot.issued.certificateFile }
      t.equal(await faultOf(body, type, 'b-lt', more), undefined)
    }
  }
  t.ok((await make('b-t', 'cades')).body.includes(authorities.timestamps.certificate.raw), 'b-t needs none')
  t.equal((await send(`${one.url}/health/ready`)).statusCode, 200)
  const { host } = new URL(authorities.timestampUrl)
  t.match(one.log(), `No timestamp for level b-lt: ${host} (1) comes last: `)
  const raised = { ...signers, 'b-t': signers['b-lt'] }
  const write = () => writeFileSync(path('away.json'), JSON.stringify({ default: 'b-lt', signers: raised }))
  t.equal(await afterReload(one, write), 'taken over', 'one authority is enough')
})

t.test(
  'a service behind a proxy asks authorities, responders and for CRLs through it',
  { skip: hasTinyproxy() ? false : 'tinyproxy is missing: docker/install-tools.sh tinyproxy' },
  async (t) => {
    const proxy = await startTinyproxy(t, { user: 'user', password: 'correct-horse' })
    const { sign, log } = await startReadyService(t, {
      ...token.environment,
      ...{ SIGNERS_FILE: path('signers.json'), HSM_SESSIONS: '1' },
      HTTP_PROXY: `http://user:correct-horse@${proxy.url.host}`,
    })
    const { statusCode, body } = await sign({
      action: 'sign_pkcs7',
      encoded_contents: content.toString('base64'),
      signature_type: 'cades',
      signing_token: tokenFor('b-lt'),
    })
    t.equal(statusCode, 200)
    t.equal(await faultOf(body, 'cades', 'b-lt'), undefined)
    const asked = proxy.requests().join('\n')
    for (const line of [
      'POST .*/timestamp ',
      'POST .*/issuing ',
      'GET .*/timestamp-issuing.crl ',
      'GET .*/root.crl ',
    ]) {
      t.match(asked, new RegExp(line))
    }
    t.notMatch(log(), 'correct-horse')
  },
)
