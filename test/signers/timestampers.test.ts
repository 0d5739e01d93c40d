import pino from 'pino'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/signature/hash-algorithms.ts'
import { Timestampers } from '../../src/signers/timestampers.ts'
import { startTimestampServer } from '../support/timestamp-authority.ts'

t.test('what goes on is logged once, though it is told in other words each time', async (t) => {
  let status = 500
  const server = await startTimestampServer(t, (_, response) => {
    status += 1
    response.writeHead(status).end()
  })
  const logged: string[] = []
  const timestampers = new Timestampers({
    observer: { asked: () => {} },
    log: pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }),
    onIntroduced: () => {},
  })
  const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm
  const timestamper = timestampers.for([{ url: server.url, hashAlgorithm, trustAnchors: [] }])
  t.teardown(() => timestampers.keep(new Set()))
  const ask = () => timestamper.timestamp(Buffer.from('data'), { deadline: performance.now() + 20_000 })
  await t.rejects(ask(), /HTTP status 501/)
  await t.rejects(ask(), /HTTP status 502/)
  server.answer = (_, response) => response.socket?.resetAndDestroy()
  await t.rejects(ask(), /cannot be reached/)
  const { host } = server.url
  t.strictSame(logged, [
    `No timestamp: ${host} answered with the HTTP status 501`,
    `No timestamp: ${host} cannot be reached, or broke off (ECONNRESET)`,
  ])
})
