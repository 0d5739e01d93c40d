import pino from 'pino'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { Proxies } from '../../src/common/proxies.ts'
import type { TimestampAuthority } from '../../src/configuration/timestamp-authority.ts'
import { Timestampers } from '../../src/signers/timestampers.ts'
import { type Issued, issue } from '../support/certificates.ts'
import { attribute, CERTIFICATE, COMMON_NAME, reissue } from '../support/resigned.ts'
import { until } from '../support/signing.ts'
import { createResponder, FOR_TIMESTAMPS, startTimestampServer } from '../support/timestamp-authority.ts'

const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm

function create(logged: string[] = []): Timestampers {
  return new Timestampers({
    observer: { asked: () => {} },
    log: pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }),
    onProbed: () => {},
    proxies: new Proxies(),
    revocations: { revoked: () => undefined },
  })
}

t.test('signers share those who are described alike, and no others', async (t) => {
  const timestampers = create()
  const url = 'https://timestamp.example.com/key'
  const described = (change: Partial<TimestampAuthority> = {}) => ({
    ...{ url: new URL(url), hashAlgorithm, trustAnchors: [] },
    ...change,
  })
  const one = timestampers.for([described()])
  t.equal(timestampers.for([described()]), one)
  const { certificate } = issue(t.testdir(), { subject: '/CN=root', ca: true })
  const others = [
    [described({ url: new URL(`${url}2`) })],
    [described({ hashAlgorithm: findHashAlgorithm('sha512') as HashAlgorithm })],
    [described({ trustAnchors: [certificate] })],
    [described({ policy: '1.2.3' })],
    [described({ credentials: { user: 'user', passwordFile: '/password' } })],
    [described({ tls: { caFile: '/ca.pem' } })],
    [described(), described()],
  ] as const
  const all = others.map((authorities) => timestampers.for([...authorities]))
  t.equal(new Set([one, ...all]).size, 8)
  timestampers.keep(new Set([one]))
  t.equal(timestampers.for([described()]), one)
  t.ok(others.every((authorities, index) => timestampers.for([...authorities]) !== all[index]))
})

t.test('connections of those whom nobody uses any more end', async (t) => {
  const server = await startTimestampServer(t, () => {})
  const timestampers = create()
  const timestamper = timestampers.for([{ url: server.url, hashAlgorithm, trustAnchors: [] }])
  const wanted = timestamper.timestamp(Buffer.from('data'), { deadline: performance.now() + 20_000 })
  await until('it was asked', () => server.seen.requests.length > 0)
  timestampers.keep(new Set())
  await t.rejects(wanted, { cause: { message: /cannot be reached, or broke off \(ECONNRESET\)$/ } })
})

t.test('what goes on is logged once, though it is told in other words each time', async (t) => {
  let status = 500
  const server = await startTimestampServer(t, (_, response) => {
    status += 1
    response.writeHead(status).end()
  })
  const logged: string[] = []
  const timestampers = create(logged)
  const timestamper = timestampers.for([{ url: server.url, hashAlgorithm, trustAnchors: [] }])
  t.teardown(() => timestampers.keep(new Set()))
  const ask = () => timestamper.timestamp(Buffer.from('data'), { deadline: performance.now() + 20_000 })
  await t.rejects(ask(), { cause: { message: /HTTP status 501/ } })
  await t.rejects(ask(), { cause: { message: /HTTP status 502/ } })
  server.answer = (_, response) => response.socket?.resetAndDestroy()
  await t.rejects(ask(), { cause: { message: /cannot be reached/ } })
  const { host } = server.url
  t.strictSame(logged, [
    `No timestamp: ${host} answered with the HTTP status 501`,
    `No timestamp: ${host} cannot be reached, or broke off (ECONNRESET)`,
  ])
})

t.test('of an authority that not all validators find it is logged once what is odd', async (t) => {
  const directory = t.testdir()
  const root = issue(directory, { subject: '/CN=Root', ca: true })
  const issuer = encode(TAG.sequence, encode(TAG.set, attribute(COMMON_NAME, TAG.printableString, 'Root')))
  const plain = issue(directory, { subject: '/CN=Authority', issuer: root, extensions: FOR_TIMESTAMPS })
  const logged: string[] = []
  const timestampers = create(logged)
  t.teardown(() => timestampers.keep(new Set()))
  const ask = async (signer: Issued) => {
    const respond = createResponder(directory, { signer, chain: [root] })
    const { url } = await startTimestampServer(t, async (query, response) => {
      response.setHeader('content-type', 'application/timestamp-reply').end(await respond(query))
    })
    const timestamper = timestampers.for([{ url, hashAlgorithm, trustAnchors: [] }])
    await timestamper.timestamp(Buffer.from('data'), { deadline: performance.now() + 20_000 })
    await timestamper.timestamp(Buffer.from('data'), { deadline: performance.now() + 20_000 })
    return url.host
  }
  await ask(plain)
  t.strictSame(logged, [])
  const host = await ask(reissue(plain, root, { [CERTIFICATE.issuer]: issuer }))
  t.strictSame(logged, [
    `Some validators may not take timestamps of ${host}: the certificate of CN=Authority has the name of its issuer in another ` +
      "encoding than the issuer's own certificate, such as another type of string: some validators do not find the issuer (NSS, EU " +
      'DSS); have it issued anew',
  ])
})
