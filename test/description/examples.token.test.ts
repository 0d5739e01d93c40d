/** What is described is what the service does: each example is sent as it stands, and each answer is judged by its schema. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { createCertifiedToken } from '../support/certified-token.ts'
import { type Answer, send } from '../support/http.ts'
import { createClaims, createJwtKey, createKeySet, signJwt } from '../support/jwt.ts'
import { AnswerJudge, type Described, listOperations, type OpenApi } from '../support/openapi.ts'
import { startReadyService } from '../support/service.ts'
import { tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { entry, timestamps, token } = await createCertifiedToken(t, directory)
const signers: Record<string, SignerEntry> = {
  default: entry,
  'b-t': { ...entry, level: 'b-t', timestamps },
  'b-lt': { ...entry, level: 'b-lt', timestamps },
}
writeFileSync(path('signers.json'), JSON.stringify({ default: 'default', signers }))
const key = createJwtKey()
writeFileSync(path('jwks.json'), JSON.stringify(createKeySet(key)))
const environment = {
  ...token.environment,
  ...{ SIGNERS_FILE: path('signers.json'), HSM_TIMEOUT_MS: '30000', AUDIT_FILE: path('audit.jsonl') },
  ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: path('jwks.json'), ACCESS_JWT_ISSUER: 'https://app.example.com' },
  ...{ ACCESS_JWT_AUDIENCE: 'signing-service', CORS_ORIGINS: 'https://app.example.com', WEB_SDK: 'true' },
}
const service = await startReadyService(t, environment)
const openApi = (await send(`${service.url}/docs/json`)).json() as unknown as OpenApi
const judge = new AnswerJudge(openApi)
const operations = listOperations(openApi)

const authorization = `Bearer ${signJwt(key, createClaims())}`

function ask(
  { path: at, method }: Described,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(`${service.url}${at.replace('{signer}', 'default')}`, {
    method: method.toUpperCase(),
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function check(t: Test, described: Described, answer: Answer, what: string): void {
  t.equal(judge.judge(described, answer), undefined, `${what} is as described`)
}

// The description has the signing tokens of the examples, which no answer may have once they were sent
t.test('each page is answered as described', async (t) => {
  for (const described of operations.filter(({ method }) => method === 'get')) {
    const answer = await ask(described)
    t.equal(answer.statusCode, 200, described.path)
    check(t, described, answer, described.path)
  }
})

t.test('each example is answered as described', async (t) => {
  let asked = 0
  for (const described of operations) {
    const { path: at, operation } = described
    for (const [name, example] of Object.entries(
      operation.requestBody?.content['application/json']?.examples ?? {},
    )) {
      const answer = await ask(described, example.value, { authorization })
      check(t, described, answer, `${at} ${name}`)
      const refusal = openApi.components.examples[name]?.value
      t.equal(answer.statusCode, refusal?.statusCode ?? 200, `${at} ${name}`)
      if (refusal !== undefined) {
        const { requestId, ...rest } = answer.json()
        t.same({ ...rest, requestId: refusal.requestId }, refusal)
        t.equal(requestId, answer.headers['x-request-id'])
      }
      asked += 1
    }
  }
  t.ok(asked > 20, `${asked} were sent`)
})

t.test('a request without a token is refused where one is demanded', async (t) => {
  for (const described of operations.filter(({ method }) => method === 'post')) {
    const answer = await ask(described, { action: 'get_certificates' })
    check(t, described, answer, described.path)
    const isDemanded = described.operation.security.every(({ bearer }) => bearer !== undefined)
    t.equal(answer.statusCode, isDemanded ? 401 : 200, described.path)
  }
})

const SIGN_HASH = ['/api/sign_hash', 'signature']
const AS_JSON = [['/sign', 'bare-signature'], ['/sign', 'container-for-digest'], SIGN_HASH] as const

for (const level of ['b-b', 'b-t', 'b-lt']) {
  t.test(`JSON of level ${level} is as described`, async (t) => {
    for (const [at, name] of AS_JSON) {
      const described = operations.find(({ path, method }) => path === at && method === 'post') as Described
      const example = described.operation.requestBody?.content['application/json']?.examples?.[name]
      const named = tokenFor(level === 'b-b' ? 'default' : level)
      const body = {
        ...(example?.value as object),
        ...(at === '/sign' ? { signing_token: named } : { signingToken: named, cadesLevel: level }),
      }
      let answer: Answer | undefined
      await until('all is known that the signature needs', async () => {
        answer = await ask(described, body, { authorization, accept: 'application/json' })
        return answer.statusCode !== 503
      })
      check(t, described, answer as Answer, `${at} ${name}`)
      t.match(JSON.stringify(answer?.json()), `"level":"${level}"`)
    }
  })
}
