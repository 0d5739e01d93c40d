/** The log and the metrics tell of each signature that was made, whoever got it. */
import { request } from 'node:http'
import t from 'tap'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { readLog } from '../support/log-lines.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { allIdle, hsmStatus, rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createSigningToken(directory)
const module = await createFaultyModule(directory, environment)
const service = await startReadyService(t, {
  ...module.environment,
  HSM_SESSIONS: '1',
  HSM_TIMEOUT_MS: '20000',
})

/** Sends a request to sign; the client leaves when it is destroyed. */
function ask(id: string) {
  const outgoing = request(`${service.url}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
  })
  outgoing.on('error', () => {})
  outgoing.end(JSON.stringify(rawRequest(id)))
  return outgoing
}

const linesOf = (id: string) => readLog(service.log()).filter(({ callerRequestId }) => callerRequestId === id)

async function outcomes({ url }: Service): Promise<Record<string, number>> {
  const { samples } = await scrape(url)
  return Object.fromEntries(
    [...samples].flatMap(([name, value]) => {
      const outcome = /^signing_service_signatures_total\{.*outcome="(.*)"\}$/.exec(name)?.[1]
      return outcome === undefined ? [] : [[outcome, value]]
    }),
  )
}

t.test('a client that leaves while the HSM signs: the signature is on record', async (t) => {
  await allIdle(service.url)
  const before = module.calls('C_Sign')
  module.plan('C_Sign hold')
  const first = ask('in-flight')
  // Until then the session may read the next order together with this one
  await until('it is signed', () => module.calls('C_Sign') === before + 1)
  const second = ask('in-queue')
  await until('it waits', async () => (await hsmStatus(service.url)).queued === 1)
  first.destroy()
  second.destroy()
  await until('nobody waits any more', async () => (await hsmStatus(service.url)).queued === 0)
  // The request that waited may be on record at once, where its order was not sent ahead
  t.same(linesOf('in-flight'), [], 'nobody knows yet whether it will be signed')
  module.plan()
  await until('who waited is on record', () => linesOf('in-queue').length === 1)
  t.match(linesOf('in-queue'), [
    { level: 40, kind: 'raw', signer: 'default', msg: 'client left before it was answered' },
  ])
  t.notOk('signed' in (linesOf('in-queue')[0] ?? {}), 'nothing was signed for who waited')
  await until('the signature is on record', () => linesOf('in-flight').length === 1)
  t.match(linesOf('in-flight'), [
    { level: 40, kind: 'raw', signed: true, msg: 'client left before it was answered' },
  ])
  t.same(await outcomes(service), { client_left: 1, signed_unanswered: 1 })
})

t.test('a client that leaves while the HSM does not sign: there is no signature', async (t) => {
  await allIdle(service.url)
  module.plan('C_Sign hold', 'C_Sign return CKR_DEVICE_ERROR')
  const leaving = ask('in-vain')
  await until('it is tried', async () => (await hsmStatus(service.url)).sessions.busy === 1)
  leaving.destroy()
  t.same(linesOf('in-vain'), [])
  module.plan('C_Sign return CKR_DEVICE_ERROR')
  await until('it is on record', () => linesOf('in-vain').length === 1)
  module.plan()
  t.notOk('signed' in (linesOf('in-vain')[0] ?? {}))
  t.match(await outcomes(service), { client_left: 2, signed_unanswered: 1 })
})

t.test('only a request that was signed has a line however many there are', async (t) => {
  await until('it is ready', async () => (await hsmStatus(service.url)).state === 'ready')
  const asked = t.capture(LineLimit.prototype, 'admits', LineLimit.prototype.admits)
  t.equal((await service.sign({ action: 'get_certificates' })).statusCode, 200)
  t.equal((await service.sign(rawRequest('one'))).statusCode, 200)
  t.strictSame(
    asked().map(({ args }) => args),
    [['answered']],
  )
})

t.test('a refusal of a request that nobody signs says nothing of a signature', async (t) => {
  await until('it is ready', async () => (await hsmStatus(service.url)).state === 'ready')
  await service.sign({ action: 'sign', data_to_be_signed: '!' })
  const line = readLog(service.log()).find(({ code }) => code === 'INVALID_REQUEST')
  t.match(line, { statusCode: 400, kind: 'raw' })
  t.notOk('signed' in (line ?? {}))
})
