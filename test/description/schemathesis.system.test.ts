/** Schemathesis makes requests of the description, right ones and wrong ones, and judges the answers by it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { send } from '../support/http.ts'
import { createClaims, createJwtKey, createKeySet, signJwt } from '../support/jwt.ts'
import { readLog } from '../support/log-lines.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'
import { findComplaint, WITHOUT_SCHEMATHESIS } from '../support/validators/schemathesis.ts'

if (WITHOUT_SCHEMATHESIS) {
  t.plan(0, WITHOUT_SCHEMATHESIS)
  process.exit()
}

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment } = await createSigningToken(path('token'))
const key = createJwtKey()
writeFileSync(path('jwks.json'), JSON.stringify(createKeySet(key)))
const { url, log } = await startReadyService(t, {
  ...environment,
  ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: path('jwks.json'), ACCESS_JWT_ISSUER: 'https://app.example.com' },
  ...{ ACCESS_JWT_AUDIENCE: 'signing-service', CORS_ORIGINS: 'https://app.example.com', WEB_SDK: 'true' },
})
const authorization = `Bearer ${signJwt(key, createClaims({ exp: Math.floor(Date.now() / 1000) + 3600 }))}`

t.test('it finds no fault in the service', async (t) => {
  t.equal(await findComplaint({ url, openApi: `${url}/docs/json`, authorization }), undefined)
  const lines = readLog(log())
  t.ok(
    lines.some(({ msg }) => msg === 'request answered'),
    'some of its requests are right',
  )
  t.same(
    lines.filter(({ level }) => Number(level) >= 50),
    [],
  )
})

t.test('it finds an answer that is not as described', async (t) => {
  const { body } = await send(`${url}/docs/json`)
  writeFileSync(path('openapi.json'), `${body}`.replace('"const":"live"', '"const":"dead"'))
  t.match(await findComplaint({ url, openApi: path('openapi.json'), authorization }), /"dead" was expected/)
})
