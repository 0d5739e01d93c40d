import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { send } from '../support/http.ts'
import { startReadyService, startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())

t.test('a request whose client has gone gives up its place in the queue', async (t) => {
  // With the token away it waits until its deadline
  const away = { ...environment, HSM_TOKEN_LABEL: 'away', HSM_TIMEOUT_MS: '8000' }
  const requests: FastifyRequest[] = []
  const service = await startService(t, { ...away, SIGNING_SERVICE_BODY_LIMIT: '2048' }, (app) => {
    app.addHook('preHandler', async (request) => {
      requests.push(request)
    })
  })
  const waitForQueue = async (length: number) => {
    const end = Date.now() + 30_000
    for (;;) {
      const { queued } = (await send(`${service.url}/health/ready`)).json().hsm as { queued: number }
      if (queued === length || Date.now() > end) {
        return queued
      }
      await delay(20)
    }
  }
  const outgoing = request(`${service.url}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'gone' },
  })
  outgoing.on('error', () => {})
  outgoing.end(JSON.stringify({ action: 'sign', data_to_be_signed: 'AAAA' }))
  t.equal(await waitForQueue(1), 1, 'it waits')

  outgoing.destroy()
  t.equal(await waitForQueue(0), 0, 'it waits no longer')
  const line = service
    .log()
    .split('\n')
    .find((one) => one.includes('"callerRequestId":"gone"'))
  t.match(line, /"level":40.*"route":"\/sign".*"kind":"raw".*client left before it was answered/)

  // Together more than the bodies of twice the limit that may be in memory
  const waiting = ['sign', 'sign_pkcs7', undefined].map((action, index) => {
    const name = ['data_to_be_signed', 'encoded_contents', 'encodedContents'][index] as string
    return service.sign({ action, [name]: 'A'.repeat(1900) })
  })
  t.equal(await waitForQueue(3), 3, 'requests that wait for the token hold no body')
  const signing = requests.filter(({ method }) => method === 'POST')
  t.equal(signing.length, 4)
  t.ok(signing.every(({ body }) => body === undefined))
  await service.app.close()
  for (const { statusCode } of await Promise.all(waiting)) {
    t.equal(statusCode, 503)
  }
})

t.test('a client that accepts JSON and no octets gets JSON, however it spells that', async (t) => {
  const service = await startReadyService(t, environment)
  for (const [accept, type] of [
    ['application/json', 'application/json'],
    ['application/json;charset=utf-8', 'application/json'],
    ['application/json; charset="UTF-8"', 'application/json'],
    ['application/json;charset=utf-8, application/octet-stream', 'application/octet-stream'],
    ['*/*', 'application/octet-stream'],
    ['application/xml', 'application/octet-stream'],
  ] as const) {
    const { statusCode, headers } = await send(`${service.url}/sign`, {
      method: 'POST',
      body: JSON.stringify({ action: 'sign', data_to_be_signed: 'AAAA' }),
      headers: { 'content-type': 'application/json', accept },
    })
    t.equal(statusCode, 200)
    t.match(headers['content-type'], new RegExp(`^${type}`), accept)
  }
})
