import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { runCommand } from '../support/command.ts'
import { send } from '../support/http.ts'
import { createClaims, createJwtKey, createKeySet, signJwt } from '../support/jwt.ts'
import { startReadyService, startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const RAW = { action: 'sign', data_to_be_signed: Buffer.from('a document').toString('base64') }
const directory = t.testdir()
const { environment } = await createSigningToken(join(directory, 'token'))

t.test('users come and go while the service runs', async (t) => {
  const file = join(directory, 'access.json')
  const alice = await createToken()
  writeFileSync(file, JSON.stringify({ users: [{ name: 'alice', ...alice.kept }] }))
  const access = { ACCESS: 'tokens', ACCESS_FILE: file, SIGNERS_RELOAD_INTERVAL_MS: '100' }
  const service = await startReadyService(t, { ...environment, ...access })
  const status = async (token: string) => (await service.sign({ ...RAW, signing_token: token })).statusCode
  t.equal(await status(alice.token), 200)

  const { stdout } = await runCommand(access, 'user', 'add', 'bob')
  const bob = stdout.trim()
  await until('bob is taken over', async () => (await status(bob)) === 200)
  t.equal(await status(alice.token), 200)

  await runCommand(access, 'user', 'remove', 'alice')
  await until('alice is refused', async () => (await status(alice.token)) === 401)
  t.equal(await status(bob), 200)

  writeFileSync(file, '{"users":[')
  await until('the log tells of the wrong file', () => service.log().includes('the access stays as it was'))
  t.match(service.log(), /"level":50,[^\n]*ACCESS_FILE: [^\n]*the access stays as it was/)
  t.equal(await status(bob), 200)
  t.match((await send(`${service.url}/health/ready`)).json(), { access: { kind: 'tokens' } })
  const metrics = async () => `${(await send(`${service.url}/metrics`)).body}`
  t.match(await metrics(), /^signing_service_access_reload_refused 1$/m)
  writeFileSync(file, JSON.stringify({ users: [{ name: 'alice', ...alice.kept }] }))
  await until('the right one is taken over', async () => (await status(alice.token)) === 200)
  t.match(await metrics(), /^signing_service_access_reload_refused 0$/m)
})

t.test('keys of a file are taken over at a signal', async (t) => {
  const [former, next] = [createJwtKey(), createJwtKey()]
  const file = join(directory, 'keys.json')
  const put = (...keys: ReturnType<typeof createJwtKey>[]) => {
    writeFileSync(`${file}.new`, JSON.stringify(createKeySet(...keys)))
    renameSync(`${file}.new`, file)
  }
  put(former)
  const service = await startReadyService(t, {
    ...environment,
    ACCESS: 'jwt',
    ACCESS_JWT_KEYS: file,
    ACCESS_JWT_ISSUER: 'https://app.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
    SIGNERS_RELOAD_INTERVAL_MS: '0',
  })
  const status = async (token: string) => (await service.sign({ ...RAW, signing_token: token })).statusCode
  const token = signJwt(former, createClaims())
  t.equal(await status(token), 200)
  put(next)
  t.equal(await status(token), 200, 'nothing is taken over by itself')
  service.app.reload()
  t.equal(await status(token), 401, 'a token that was verified with the former key is not good any more')
  t.equal(await status(signJwt(next, createClaims())), 200)
})

t.test('a secret that others may read is warned about when it is taken over', async (t) => {
  const file = join(directory, 'secret')
  writeFileSync(file, 's'.repeat(32), { mode: 0o600 })
  const service = await startReadyService(t, {
    ...environment,
    ACCESS: 'jwt',
    ACCESS_JWT_SECRET_FILE: file,
    ACCESS_JWT_ISSUER: 'https://app.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
    SIGNERS_RELOAD_INTERVAL_MS: '0',
  })
  chmodSync(file, 0o644)
  service.app.reload()
  t.match(
    service.log(),
    /"level":40,[^\n]*ACCESS_JWT_SECRET_FILE: holds a secret, and everybody[^\n]*mode 644/,
  )
})

t.test('keys of an address are fetched anew at a signal', async (t) => {
  const [former, next] = [createJwtKey(), createJwtKey()]
  let set = createKeySet(former, next)
  const keys = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(set))
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  t.teardown(() => keys.close())
  const service = await startReadyService(t, {
    ...environment,
    ACCESS: 'jwt',
    ACCESS_JWT_KEYS: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`,
    ACCESS_JWT_ISSUER: 'https://app.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
  })
  const status = async (token: string) => (await service.sign({ ...RAW, signing_token: token })).statusCode
  const token = signJwt(former, createClaims())
  t.equal(await status(token), 200)
  set = createKeySet(next)
  service.app.reload()
  await until('a token of the key that was taken out is refused', async () => (await status(token)) === 401)
  t.equal(await status(signJwt(next, createClaims())), 200)
})

t.test('the service is not ready until it has keys, and signs when they come', async (t) => {
  const key = createJwtKey()
  let status = 500
  const keys = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(createKeySet(key)))
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  t.teardown(() => keys.close())
  const service = await startService(t, {
    ...environment,
    ACCESS: 'jwt',
    ACCESS_JWT_KEYS: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`,
    ACCESS_JWT_ISSUER: 'https://app.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
  })
  const ready = () => send(`${service.url}/health/ready`)
  await until('the HSM signs', async () => /"hsm":\{"state":"ready"/.test(`${(await ready()).body}`))
  const answer = await ready()
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), {
    access: { kind: 'jwt', reason: 'the keys that verify tokens were not fetched yet' },
  })
  const token = signJwt(key, createClaims({ exp: Math.floor(Date.now() / 1000) + 600 }))
  const refused = await service.sign({ ...RAW, signing_token: token })
  t.equal(refused.statusCode, 503)
  t.equal(refused.json().code, 'ACCESS_UNAVAILABLE')
  const certificates = await service.sign({ action: 'get_certificates', signing_token: token })
  t.equal(certificates.statusCode, 200, 'nobody needs to verify a token for those of the only signer')
  status = 200
  await service.ready()
  t.equal((await service.sign({ ...RAW, signing_token: token })).statusCode, 200)
})
