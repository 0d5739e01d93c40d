import createError from '@fastify/error'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { errorReply } from '../../src/plugins/error-reply.ts'
import { type LineLimit, requestLog } from '../../src/plugins/request-log.ts'
import { send } from '../support/http.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())

const ERRORS = {
  'a mistake in the code': new TypeError('undefined is not what it was hoped to be'),
  'a system error': Object.assign(new Error('EACCES: /secret/path'), { code: 'EACCES' }),
  'an error of the framework': new (createError('FST_ERR_SOMETHING', 'something', 500))(),
  'an error of Node': new (createError('ERR_SOMETHING', 'something', 400))(),
  'an error with a status': Object.assign(new Error('teapot'), { statusCode: 418, code: 'TEAPOT' }),
}

t.test('what nobody foresaw is answered without details, which are in the log', async (t) => {
  const service = await startService(t, environment, (app) => {
    for (const [index, error] of Object.values(ERRORS).entries()) {
      app.get(`/throws/${index}`, async () => {
        throw error
      })
    }
  })
  for (const [index, [name, { message }]] of Object.entries(ERRORS).entries()) {
    t.test(name, async (t) => {
      const id = `unforeseen-${index}`
      const answer = await send(`${service.url}/throws/${index}`, { headers: { 'x-request-id': id } })
      checkRefusal(t, answer, {
        statusCode: 500,
        code: 'INTERNAL_ERROR',
        message: 'The request could not be completed; the log has the details under this requestId',
      })
      const lines = service
        .log()
        .split('\n')
        .filter((line) => line.includes(`"callerRequestId":"${id}"`))
      t.equal(lines.length, 2)
      t.match(lines[0], `"message":"${message}"`)
      t.match(lines[0], '"msg":"an unexpected error"')
      t.match(lines[1], /"level":50.*"route":"\/throws\/\d".*"code":"INTERNAL_ERROR".*"request failed"/)
    })
  }
})

t.test('however often it happens, the log does not fill the disk', async (t) => {
  let written = ''
  const stream = { write: (line: string) => (written += line) }
  const app = Fastify({ loggerInstance: pino({}, stream) as FastifyBaseLogger })
  let room = 2
  await app.register(requestLog, {
    lines: { admits: () => room-- > 0, flush: () => {} } as unknown as LineLimit,
  })
  await app.register(errorReply, { lines: { admits: (kind) => kind === 'unexpected' && room-- > 0 } })
  app.get('/throws', async () => {
    throw new Error('a mistake')
  })
  for (let count = 0; count < 3; count++) {
    t.equal((await app.inject('/throws')).statusCode, 500)
  }
  t.equal(written.match(/an unexpected error/g)?.length, 1)
  await app.close()
})

t.test('what the framework has against a request is told as the fault of the request', async (t) => {
  const service = await startService(t, environment, (app) => {
    app.get('/throws', async () => {
      throw new (createError('FST_ERR_SOMETHING', 'something', 400))()
    })
  })
  checkRefusal(t, await send(`${service.url}/throws`), {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: 'the request cannot be read; see its headers',
  })
  t.notMatch(service.log(), 'unexpected')
})

t.test('the longest address takes no time to refuse', async (t) => {
  const service = await startService(t, environment)
  const before = process.cpuUsage()
  for (const path of [`${'a'.repeat(15_000)}//`, '/'.repeat(15_000), 'a/'.repeat(7_500)]) {
    for (let count = 0; count < 20; count++) {
      t.equal((await send(`${service.url}/${path}`)).statusCode, 404)
    }
  }
  // A search that takes time by the square of the length takes 3 s
  const { user } = process.cpuUsage(before)
  t.ok(user < 1_500_000, `${user / 1000} ms`)
})
