/** Every code, provoked by requests full of secrets: what is answered, logged and counted holds none of them. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { SignerEntry } from '../schemas/signers-file.ts'
import { createToken as createUserToken } from '../src/access/user-token.ts'
import * as errors from '../src/errors.ts'
import { startAuthorities } from './support/authorities.ts'
import { generateKeyFile, issue, RSA_2048, writeBundle } from './support/certificates.ts'
import { createFaultyModule } from './support/faulty-module/faulty-module.ts'
import { type SendOptions, send } from './support/http.ts'
import { createClaims, createJwtKey, signJwt } from './support/jwt.ts'
import { readLog } from './support/log-lines.ts'
import { AnswerJudge } from './support/openapi.ts'
import { readPage } from './support/pages.ts'
import { ocspAt } from './support/revocation-chain.ts'
import { scrape } from './support/scrape.ts'
import { holds } from './support/secrets.ts'
import { type Service, startService } from './support/service.ts'
import { allIdle, hsmStatus, until } from './support/signing.ts'
import { parseAnswer, sendRaw } from './support/socket.ts'
import { createToken, importKey, PIN } from './support/token.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const word = () => randomBytes(12).toString('hex')

const authorities = await startAuthorities(path('authorities'))
t.teardown(() => authorities.server.close())
const token = await createToken(path('token'))
const keyFile = generateKeyFile(directory, RSA_2048)
await importKey(token, keyFile, { label: 'key', id: '01' })
const module = await createFaultyModule(directory, token.environment)

const issuer = authorities.issuing.issued
const { certificateFile } = issue(directory, { subject: '/O=Test/CN=Signer', issuer, keyFile })
/** Its responder does not answer. */
const longTerm = issue(directory, {
  ...{ subject: '/O=Test/CN=Long term', issuer, keyFile },
  extension: ocspAt(`${authorities.server.url}/none`),
})
const revoked = authorities.certify({ subject: '/O=Test/CN=Revoked', keyFile })
authorities.issuing.revoke(revoked.certificate, new Date(Date.now() - 60_000), 'keyCompromise')
const issuers = [issuer, authorities.root.issued].map(({ certificate }) => certificate)

const content = randomBytes(200)
const data = content.toString('base64')
const digest = createHash('sha512').update(content).digest()
const password = word()
const accessKey = word()
const user = word()
const caller = await createUserToken()
/** None of it may be read anywhere. */
const SECRETS = { content, digest, user, password, accessKey, PIN, signingToken: caller.token }

writeFileSync(path('password'), password)
const common: SignerEntry = {
  ...{ key: { label: 'key' }, certificateFile, caFile: writeBundle(path('ca.pem'), issuers) },
}
const timestamps = {
  url: `${authorities.server.url}/${accessKey}`,
  ...{ user: 'signing-service', passwordFile: path('password') },
  caFile: authorities.timestampRoot.issued.certificateFile,
}
const signers: Record<string, SignerEntry> = {
  house: common,
  'containers-alone': { ...common, containers: ['pkcs7'] },
  ending: { ...common, minimumDaysLeft: 3650 },
  small: { ...common, containerSizeLimit: 1024 },
  timestamped: { ...common, level: 'b-t', timestamps },
  'long-term': { ...common, certificateFile: longTerm.certificateFile, level: 'b-lt', timestamps },
  revoked: { ...common, certificateFile: revoked.certificateFile },
}
writeFileSync(path('signers.json'), JSON.stringify({ default: 'house', signers }))
const environment = {
  ...module.environment,
  ...{ SIGNERS_FILE: path('signers.json'), SIGNERS_RELOAD_INTERVAL_MS: '0' },
  ...{ HSM_SESSIONS: '1', HSM_QUEUE_LIMIT: '0', HSM_TIMEOUT_MS: '1500', HSM_KEEPALIVE_MS: '3600000' },
}
const service = await startService(t, environment, (app) => {
  app.get('/throws', async () => {
    throw new TypeError('a defect')
  })
})

writeFileSync(
  path('access.json'),
  JSON.stringify({ users: [{ name: 'caller', ...caller.kept, containers: ['pkcs7'] }] }),
)
const guarded = await startService(t, {
  ...environment,
  ...{ ACCESS: 'tokens', ACCESS_FILE: path('access.json'), RATE_LIMIT_PER_SUBJECT: '1' },
})
/** Nobody answers at the address of its keys. */
const keyless = await startService(t, {
  ...environment,
  ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: 'http://127.0.0.1:1/', ACCESS_JWT_ISSUER: 'issuer' },
  ACCESS_JWT_AUDIENCE: 'signing-service',
})

/** Whose records are removed. */
const recording = await startService(t, { ...environment, AUDIT_FILE: path('audit.jsonl') })

const answers: { code: string; message: string; requestId: string; text: string }[] = []

const records: string[] = []

/** Keeps an answer, where it is a refusal. */
function keep({ body }: { body: Buffer }): void {
  const text = body.toString()
  if (text.startsWith('{"statusCode":')) {
    answers.push({ ...JSON.parse(text), text })
  }
}

const ask = async (at: string, options: SendOptions) => keep(await send(`${service.url}${at}`, options))
/** Posts a body, with a signing token that names a signer and a user. */
const post = (body: object, signer?: string, at = '/sign') =>
  ask(at, {
    method: 'POST',
    body: JSON.stringify({ signing_token: JSON.stringify({ userId: user, signer }), ...body }),
  })
/** Posts a request, by default for a raw signature, to a service that asks for tokens. */
const postTo = async (to: Service, signing_token?: string, body: object = RAW) =>
  keep(await send(`${to.url}/sign`, { method: 'POST', body: JSON.stringify({ ...body, signing_token }) }))
const raw = async (...parts: string[]) => keep(parseAnswer(await sendRaw(service.url, parts, 0)))

const RAW = { action: 'sign', data_to_be_signed: data }
const CONTAINER = { action: 'sign_pkcs7', encoded_contents: data }
const HEAD = `Host: x\r\nConnection: close\r\nAuthorization: Bearer ${user}\r\n`
const JSON_HEAD = `POST /sign?token=${user} HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n`

/** Has the one session sign until its request is late, which a second one does not wait for. */
async function askWhileBusy() {
  module.plan('C_Sign hold')
  const first = post(RAW)
  await until('it signs', async () => (await hsmStatus(service.url)).sessions.busy === 1)
  await post(RAW)
  await first
}

/** Requests that provoke each code, tried until they do. */
const PROVOCATIONS: Readonly<Record<string, () => Promise<unknown>>> = {
  async INVALID_REQUEST() {
    await post({})
    await post({ ...RAW, data_to_be_signed: `${data}!` })
    await post({ ...RAW, data_to_be_signed: [data] })
    await post({ ...RAW, hash_algoritm: user })
    await post({ ...RAW, signature_type: user })
    await post({ ...RAW, signature_container: user })
    await post({ ...RAW, signing_token: `{"signer": "${user}` })
    await post({ ...RAW, signing_token: JSON.stringify({ signer: [user] }) })
    await post({ ...RAW, signing_token: JSON.stringify({ signMethod: user }) })
    await post({ ...RAW, signing_token: `signer=${user}` })
    await post({ ...CONTAINER, digest: `${digest.toString('hex')}00` })
    await ask('/sign', { method: 'POST', body: `{"signing_token": "${user}", ${data}` })
    await raw(`GET /%zz?token=${user} HTTP/1.1\r\n${HEAD}\r\n`)
    await raw(`${user} ${data}\r\n\r\n`)
    await raw(`CONNECT ${user}:443 HTTP/1.1\r\n${HEAD}\r\n`)
  },
  UNKNOWN_ACTION: () => post({ ...RAW, action: user }),
  UNSUPPORTED_HASH_ALGORITHM: () => post({ ...RAW, hash_algorithm: user }),
  DIGEST_MISMATCH: () =>
    post({ ...CONTAINER, encoded_contents: `AAAA${data}`, digest: digest.toString('hex') }),
  PAYLOAD_TOO_LARGE: () => raw(`${JSON_HEAD}Content-Length: 9999999999\r\n\r\n{"${user}":`),
  UNSUPPORTED_MEDIA_TYPE: () =>
    ask('/sign', { method: 'POST', body: data, headers: { 'content-type': `text/plain; token=${user}` } }),
  ORIGIN_NOT_ALLOWED: () =>
    ask('/sign', { method: 'POST', body: data, headers: { origin: 'https://x.example' } }),
  SIGNING_TOKEN_MISSING: () => postTo(guarded),
  SIGNING_TOKEN_INVALID: () => postTo(guarded, user),
  NOT_ALLOWED: () => postTo(guarded, caller.token),
  async RATE_LIMITED() {
    await postTo(guarded, caller.token, CONTAINER)
    await postTo(guarded, caller.token, CONTAINER)
  },
  ACCESS_UNAVAILABLE: () => postTo(keyless, signJwt(createJwtKey(), createClaims({ user }))),
  EXPECTATION_FAILED: () => raw(`${JSON_HEAD}Expect: ${user}\r\nContent-Length: 2\r\n\r\n{}`),
  HEADERS_TOO_LARGE: () => raw(`GET / HTTP/1.1\r\n${HEAD}X: ${user.repeat(1000)}\r\n\r\n`),
  NOT_FOUND: () => post(RAW, undefined, `/${user}`),
  METHOD_NOT_ALLOWED: () => ask(`/sign?token=${user}`, { method: 'PUT', body: data }),
  UNKNOWN_SIGNER: () => Promise.all([post(RAW, 'nobody'), post(RAW, `user ${user}`)]),
  SIGNER_MISMATCH: () => post(RAW, 'small', '/sign/house'),
  NOT_ALLOWED_FOR_SIGNER: () => post(RAW, 'containers-alone'),
  CERTIFICATE_NOT_VALID: () => post(CONTAINER, 'ending'),
  CERTIFICATE_REVOKED: () => post(CONTAINER, 'revoked'),
  CONTAINER_TOO_LARGE: () => post(CONTAINER, 'small'),
  TIMESTAMP_UNAVAILABLE: () => post(CONTAINER, 'timestamped'),
  REVOCATION_UNAVAILABLE: () => post(CONTAINER, 'long-term'),
  INTERNAL_ERROR: () => ask(`/throws?token=${user}`, { headers: { authorization: data } }),
  async REQUEST_TIMEOUT() {
    const { headersTimeout, requestTimeout } = service.app.server
    Object.assign(service.app.server, { headersTimeout: 200, requestTimeout: 400 })
    await raw(`${JSON_HEAD}Content-Length: 1000\r\n\r\n{"signing_token":"${user}`)
    Object.assign(service.app.server, { headersTimeout, requestTimeout })
  },
  /** More unfinished bodies at once than there is room for. */
  async SERVICE_BUSY() {
    const part = `"field":"${user.repeat(Math.floor(80_000 / user.length))}"`
    const body = `{${Array(12).fill(part)}`
    await new Promise<void>((resolve) => {
      const sent = Array.from({ length: 20 }, () =>
        request(`${service.url}/sign`, { method: 'POST', headers: { 'content-type': 'application/json' } }),
      )
      for (const one of sent) {
        one.on('error', () => {})
        one.on('response', async (response) => {
          const chunks: Buffer[] = []
          for await (const chunk of response) {
            chunks.push(chunk)
          }
          keep({ body: Buffer.concat(chunks) })
          for (const other of sent) {
            other.destroy()
          }
          resolve()
        })
        one.write(body)
      }
    })
  },
  async AUDIT_UNAVAILABLE() {
    records.push(readFileSync(path('audit.jsonl'), 'utf8'))
    rmSync(path('audit.jsonl'))
    await postTo(recording, user)
  },
  async SIGNATURE_SELF_CHECK_FAILED() {
    module.plan('C_Sign flip')
    await post(RAW)
  },
  HSM_TIMEOUT: askWhileBusy,
  HSM_BUSY: askWhileBusy,
  async HSM_UNAVAILABLE() {
    module.plan('* absent')
    await post(RAW)
  },
}

t.test('each code', async (t) => {
  const known = Object.entries(errors).filter(
    ([name]) => /^[A-Z_]+$/.test(name) && name !== 'EXIT_CONFIGURATION',
  )
  t.same(Object.keys(PROVOCATIONS).sort(), known.map(([name]) => name).sort(), 'is provoked')
  for (const [code, provoke] of Object.entries(PROVOCATIONS)) {
    await t.test(code, async () => {
      const isAnswered = async () => {
        module.plan()
        await service.ready()
        await allIdle(service.url)
        await provoke()
        return answers.some((answer) => answer.code === code)
      }
      await until(`${code} is answered`, isAnswered, 120_000)
    })
  }
})

t.test('it is answered as described', async (t) => {
  const judge = new AnswerJudge(JSON.parse(readPage('schemas/openapi.json')))
  for (const { code, text } of answers) {
    t.equal(judge.check(['components', 'schemas', 'Refusal'], JSON.parse(text)), undefined, code)
  }
})

t.test('its message is in the log, and no secret anywhere', async (t) => {
  const log = () => [service, guarded, keyless, recording].map((one) => one.log()).join('')
  const lines = () => new Map(readLog(log()).map((line) => [line.requestId, line]))
  await until('all are logged', () => answers.every(({ requestId }) => lines().has(requestId)))
  const logged = lines()
  for (const { code, message, requestId } of answers) {
    t.match(logged.get(requestId), { code, refusal: message })
  }
  const { text: metrics } = await scrape(service.url)
  const { body } = await send(service.url, { headers: { accept: 'text/html' } })
  const page = body.toString()
  for (const code of ['HSM_BUSY', 'INTERNAL_ERROR', 'NOT_FOUND']) {
    t.match(page, `<li id="${code}">`)
  }
  records.push(readFileSync(path('audit.jsonl'), 'utf8'))
  const texts = {
    log: log(),
    metrics,
    page,
    records: records.join(),
    answers: answers.map(({ text }) => text).join(),
  }
  for (const [name, secret] of Object.entries(SECRETS)) {
    for (const [place, text] of Object.entries(texts)) {
      t.notOk(holds(text, secret), `${name} is not in the ${place}`)
    }
  }
})
