/** The trace of a caller stands in the log and in the audit log, also where nothing is exported. */
import { join } from 'node:path'
import t from 'tap'
import { decisionsIn } from '../support/audit-records.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest, until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createSigningToken(join(directory, 'token'))
const file = join(directory, 'audit.jsonl')
const service = await startReadyService(t, { ...environment, AUDIT_FILE: file })
const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const post = (body: object, traceparent: string) =>
  send(`${service.url}/sign`, { method: 'POST', headers: { traceparent }, body: JSON.stringify(body) })
const linesOf = (id: unknown) => readLog(service.log()).filter(({ requestId }) => requestId === id)

t.test('of a signature, and of a refusal', async (t) => {
  for (const body of [rawRequest('data'), { action: 'sing' }]) {
    const { headers } = await post(body, `00-${ID}-${SPAN}-00`)
    const id = headers['x-request-id']
    await until('it is logged', async () => linesOf(id).length > 0)
    t.ok(linesOf(id).every(({ traceId }) => traceId === ID))
    t.match(
      decisionsIn(file).find(({ requestId }) => requestId === id),
      { traceId: ID },
    )
  }
})

t.test('not of a header that is not valid, whose words nobody repeats', async (t) => {
  const { headers } = await post(rawRequest('data'), `00-${ID}-${SPAN}-01; what the caller likes`)
  const id = headers['x-request-id']
  await until('it is logged', async () => linesOf(id).length > 0)
  t.notOk(linesOf(id).some((line) => 'traceId' in line))
  t.notOk('traceId' in (decisionsIn(file).find(({ requestId }) => requestId === id) ?? {}))
  t.notMatch(service.log(), 'what the caller likes')
})

t.test('of what reaches no route', async (t) => {
  const head = `GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: 00-${ID}-${SPAN}-01\r\n\r\n`
  const { headers, statusCode } = parseAnswer(await sendRaw(service.url, [head], 0))
  t.equal(statusCode, 400)
  await until('it is logged', async () => linesOf(headers['x-request-id']).length > 0)
  t.match(linesOf(headers['x-request-id']), [{ traceId: ID }])
})
