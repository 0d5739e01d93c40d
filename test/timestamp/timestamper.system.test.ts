import { execFileSync } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { Password } from '../../src/common/password.ts'
import type { TimestampAuthority } from '../../src/configuration/timestamp-authority.ts'
import { Timestamper, type TimestamperOptions } from '../../src/timestamp/timestamper.ts'
import { describeSubject } from '../../src/x509/validity.ts'
import { type Issued, issue } from '../support/certificates.ts'
import { createGate } from '../support/gate.ts'
import { until } from '../support/signing.ts'
import {
  type Answer,
  createIssuers,
  createResponder,
  FOR_TIMESTAMPS,
  OTHER_POLICY,
  send,
  startTimestampServer,
  verifies,
} from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const signer = issue(directory, {
  ...{ subject: '/CN=Timestamp authority', issuer: issuing, extensions: FOR_TIMESTAMPS },
})
const respond = createResponder(directory, { signer, chain: [issuing] })
const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm
const data = Buffer.from('the value of a signature')
const SECRET = 'correct horse'

const good: Answer = async (query, response) => send(response, await respond(query))
const failing: Answer = (_, response) => response.writeHead(500).end()
const silent: Answer = () => {}

const revocationOf = (certificate: X509Certificate) => ({
  ...{ certificate, subject: describeSubject(certificate) },
  ...{ at: new Date('2020-01-01T00:00:00Z'), reason: 'superseded' },
})

/** In ms of `performance.now()`. */
const after = (ms: number) => ({ deadline: performance.now() + ms })

interface Told {
  readonly authority: string
  readonly seconds: number
  readonly outcome: string
  readonly problem: string | undefined
}

interface Played extends Partial<Omit<TimestamperOptions, 'authorities'>> {
  readonly authorities: readonly (Partial<TimestampAuthority> & Pick<TimestampAuthority, 'url'>)[]
}

function start(t: Test, { authorities, ...options }: Played) {
  const told: Told[] = []
  const timestamper = new Timestamper({
    authorities: authorities.map((one) => ({
      ...{ hashAlgorithm, trustAnchors: [root.certificate] },
      ...one,
    })) as unknown as TimestamperOptions['authorities'],
    observer: {
      asked: (authority, seconds, outcome, problem) => told.push({ authority, seconds, outcome, problem }),
    },
    ...options,
  })
  t.teardown(() => timestamper.close())
  return { timestamper, told, outcomes: () => told.map(({ outcome }) => outcome) }
}

async function startBoth(t: Test, first: Answer, second: Answer, options: Partial<TimestamperOptions> = {}) {
  const servers = [await startTimestampServer(t, first), await startTimestampServer(t, second)] as const
  const [one, other] = servers
  const started = start(t, { authorities: [{ url: one.url }, { url: other.url }], ...options })
  return { ...started, one, other }
}

t.test('a timestamp that OpenSSL verifies', async (t) => {
  const server = await startTimestampServer(t, good)
  const { timestamper, told } = start(t, { authorities: [{ url: server.url }] })
  const { token } = await timestamper.timestamp(data, after(20_000))
  t.ok(verifies(directory, token, data, root))
  const [request] = server.seen.requests
  t.match(request, {
    method: 'POST',
    url: '/tsa',
    headers: { 'content-type': 'application/timestamp-query' },
  })
  t.equal(request?.headers.authorization, undefined)
  t.match(told, [{ authority: server.url.host, outcome: 'granted', problem: undefined }])
  t.ok(Number(told[0]?.seconds) > 0)
  const [, ...more] = await Promise.all([1, 2, 3].map(() => timestamper.timestamp(data, after(20_000))))
  t.ok(more.every((one) => !one.token.equals(token)))
})

t.test('a policy and another hash, and an answer whose type has parameters', async (t) => {
  const server = await startTimestampServer(t, async (query, response) => {
    response.setHeader('content-type', 'Application/Timestamp-Reply; charset=binary')
    response.end(await respond(query))
  })
  const sha512 = findHashAlgorithm('sha512') as HashAlgorithm
  const { timestamper } = start(t, {
    authorities: [{ url: server.url, policy: OTHER_POLICY, hashAlgorithm: sha512 }],
  })
  const { token } = await timestamper.timestamp(data, after(20_000))
  t.ok(verifies(directory, token, data, root))
  t.ok(token.includes(Buffer.from('0609608648016503040203', 'hex')), 'SHA-512 of the data')
})

t.test('what an authority does wrong is told', async (t) => {
  const text = (status: number, headers = {}) =>
    ((_, response) => response.writeHead(status, headers).end('refused')) satisfies Answer
  const type = { 'content-type': 'application/timestamp-reply' }
  const endless: Answer = (_, response) => {
    response.writeHead(200, type)
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
    }
    response.on('drain', more)
    more()
  }
  for (const [answer, outcome, problem] of [
    [failing, 'http_error', 'answered with the HTTP status 500'],
    [
      text(401),
      'http_error',
      'answered with the HTTP status 401; check its user and password, or its client certificate',
    ],
    [
      text(101, { connection: 'upgrade', upgrade: 'other' }),
      'http_error',
      'answered with the HTTP status 101',
    ],
    [text(302, { location: '/' }), 'http_error', 'redirects more than 3 times'],
    [text(303, { location: '/' }), 'http_error', 'answered with the HTTP status 303; check its address'],
    [text(407), 'http_error', 'answered with the HTTP status 407; check the user and password of the proxy'],
    [
      text(200),
      'http_error',
      'answered with another content type than application/timestamp-reply; check its address',
    ],
    [
      text(200, { 'content-type': 'text/html' }),
      'http_error',
      'answered with another content type than application/timestamp-reply; check its address',
    ],
    [text(200, type), 'malformed', 'answered with something other than a timestamp'],
    [endless, 'malformed', 'sent more than 16384 bytes'],
    [
      (_, response) => response.socket?.resetAndDestroy(),
      'unreachable',
      'cannot be reached, or broke off (ECONNRESET)',
    ],
    [
      (_, response) => response.socket?.end('garbage\r\n\r\n'),
      'unreachable',
      'cannot be reached, or broke off (HPE_INVALID_CONSTANT)',
    ],
    [(_, response) => cutShort(response), 'unreachable', 'cannot be reached, or broke off (ECONNRESET)'],
    [
      async (query, response) => send(response, (await respond(query)).subarray(0, 500)),
      'malformed',
      'answered with something other than a timestamp',
    ],
  ] as readonly (readonly [Answer, string, string])[]) {
    const server = await startTimestampServer(t, answer)
    const { timestamper, told } = start(t, { authorities: [{ url: server.url }] })
    const name = server.url.host
    await t.rejects(timestamper.timestamp(data, after(20_000)), {
      code: 'TIMESTAMP_UNAVAILABLE',
      statusCode: 503,
      message: `No authority gave a timestamp that is any good: ${outcome === 'unreachable' ? 'no answer' : 'an answer that does not count'}; the log has the details`,
      cause: { message: `${name} ${problem}` },
    })
    t.match(told, [{ authority: name, outcome, problem: `${name} ${problem}` }])
  }
})

t.test('a timestamp of a time at which the signer cannot sign does not count', async (t) => {
  const { timestamper, told, one } = await startBoth(t, good, good)
  const times: Date[] = []
  const findTimeProblem = (time: Date) =>
    times.push(time) === 1 ? 'The certificate of CN=a expired' : undefined
  const { token, time } = await timestamper.timestamp(data, { ...after(20_000), findTimeProblem })
  t.ok(verifies(directory, token, data, root))
  t.ok(times.length === 2 && Math.abs(time.getTime() - Date.now()) < 60_000 && times[1] === time)
  t.match(told, [
    {
      outcome: 'mismatch',
      problem: `${one.url.host} gave a time at which the signer cannot sign: The certificate of CN=a expired; check both clocks`,
    },
    { outcome: 'granted' },
  ])
})

/** Half an answer, and the end of the connection. */
function cutShort(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/timestamp-reply', 'content-length': 1000 })
  response.write(Buffer.alloc(500), () => response.socket?.destroy())
}

t.test('an address where nobody listens, or that nobody has', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  const { timestamper, told } = start(t, {
    authorities: [{ url: new URL(`http://127.0.0.1:${port}`) }, { url: new URL('http://tsa.invalid/') }],
  })
  await t.rejects(timestamper.timestamp(data, after(20_000)), { code: 'TIMESTAMP_UNAVAILABLE' })
  t.match(told, [
    { outcome: 'unreachable', problem: `127.0.0.1:${port} cannot be reached, or broke off (ECONNREFUSED)` },
    {
      outcome: 'unreachable',
      problem: /^tsa\.invalid cannot be reached, or broke off \((ENOTFOUND|EAI_AGAIN)\)$/,
    },
  ])
})

t.test('a request that the authority rejects, in its words', async (t) => {
  const server = await startTimestampServer(t, good)
  const problem = async (address: string) => {
    const url = new URL(address, server.url)
    const { timestamper, told } = start(t, { authorities: [{ url, policy: '1.2.3.4' }] })
    await t.rejects(timestamper.timestamp(data, after(20_000)), { code: 'TIMESTAMP_UNAVAILABLE' })
    t.match(told, [{ outcome: 'rejected' }])
    return told[0]?.problem
  }
  const rejected =
    `${server.url.host} rejected the request (rejection): it does not have the policy that is asked for; correct ` +
    'the policy, or leave it out'
  t.equal(await problem('/'), `${rejected}; it says: Requested policy is not supported.`)
  t.equal(await problem('/access-key'), rejected, 'it could say what is in its address')
  t.equal(await problem('/?access-key'), rejected)
})

t.test('HTTP Basic, with a password that is read at each use and never told', async (t) => {
  const passwordFile = `${t.testdir()}/password`
  writeFileSync(passwordFile, `${SECRET}\n`)
  const basic = `Basic ${Buffer.from(`user:${SECRET}`).toString('base64')}`
  const server = await startTimestampServer(t, async (query, response, request) =>
    request.headers.authorization === basic
      ? send(response, await respond(query))
      : response.writeHead(401).end(request.headers.authorization),
  )
  const credentials = { user: 'user', passwordFile }
  const { timestamper, told } = start(t, { authorities: [{ url: server.url, credentials }] })
  t.ok(verifies(directory, (await timestamper.timestamp(data, after(20_000))).token, data, root))
  writeFileSync(passwordFile, `${SECRET} wrong`)
  await t.rejects(timestamper.timestamp(data, after(20_000)), {
    cause: { message: /HTTP status 401; check its user and password/ },
  })
  writeFileSync(passwordFile, SECRET)
  await timestamper.timestamp(data, after(20_000))

  t.test('which several requests at once read together', async (t) => {
    writeFileSync(passwordFile, SECRET)
    const { timestamper, outcomes } = start(t, {
      authorities: [{ url: server.url, credentials: { user: 'user', passwordFile } }],
    })
    await Promise.all([1, 2, 3].map(() => timestamper.timestamp(data, after(60_000))))
    t.strictSame(outcomes(), Array(3).fill('granted'))
  })

  t.test('nor what an authority says that could know it', async (t) => {
    const asked = { url: server.url, credentials, policy: '1.2.3.4' }
    const { timestamper, told } = start(t, { authorities: [asked] })
    await t.rejects(timestamper.timestamp(data, after(20_000)), /: the request was rejected; the log/)
    t.notMatch(told[0]?.problem, /it says/)
  })

  t.test('nor one that was not in a file', async (t) => {
    const known = { user: 'user', password: new Password(SECRET) }
    const { timestamper, told } = start(t, { authorities: [{ url: server.url, credentials: known }] })
    t.ok(verifies(directory, (await timestamper.timestamp(data, after(20_000))).token, data, root))
    t.notMatch(JSON.stringify([told, known]) + inspect(known, { showHidden: true }), SECRET)
  })

  t.test('a password file that is not there', async (t) => {
    const missing = { user: 'user', passwordFile: `${passwordFile}.not` }
    const { timestamper, told } = start(t, { authorities: [{ url: server.url, credentials: missing }] })
    const error = await timestamper.timestamp(data, after(20_000)).catch((error: Error) => error)
    t.match(error, { cause: { message: /has a password file that cannot be read \(ENOENT\)$/ } })
    t.match(told, [{ outcome: 'misconfigured' }])
    t.notMatch(JSON.stringify([told, `${error}`]), passwordFile)
  })

  t.test('pipes in the place of password files, more than there are threads for files', async (t) => {
    const pipe = { user: 'user', passwordFile: `${passwordFile}.pipe` }
    execFileSync('mkfifo', [pipe.passwordFile])
    const authorities = Array.from({ length: 5 }, () => ({ url: server.url, credentials: pipe }))
    const { timestamper, told } = start(t, { authorities })
    await t.rejects(timestamper.timestamp(data, after(20_000)), {
      cause: { message: /has a password file that cannot be read \(it is not a file\)$/ },
    })
    t.match(told, Array(5).fill({ outcome: 'misconfigured' }))
    writeFileSync(passwordFile, SECRET)
    t.equal(await readFile(passwordFile, 'utf8'), SECRET, 'other files are read')
  })

  t.test('a password file that is not clearly a password any more', async (t) => {
    const ambiguous = { user: 'user', passwordFile: `${passwordFile}.ambiguous` }
    writeFileSync(ambiguous.passwordFile, `${SECRET}\nsecond\n`)
    const { timestamper, told } = start(t, { authorities: [{ url: server.url, credentials: ambiguous }] })
    await t.rejects(timestamper.timestamp(data, after(20_000)), {
      cause: { message: /has a password file that has more than one line/ },
    })
    t.match(told, [{ outcome: 'misconfigured' }])
    t.notMatch(JSON.stringify(told), SECRET)
  })

  t.notMatch(JSON.stringify(told), SECRET)
  t.notMatch(JSON.stringify(told), basic)
})

t.test('another authority is asked where the first one fails, and for a while first', async (t) => {
  const { timestamper, told, outcomes, one, other } = await startBoth(t, failing, good)
  t.ok(verifies(directory, (await timestamper.timestamp(data, after(20_000))).token, data, root))
  t.strictSame(outcomes(), ['http_error', 'granted'])
  t.strictSame(
    told.map(({ authority }) => authority),
    [one.url.host, other.url.host],
  )
  await timestamper.timestamp(data, after(20_000))
  await timestamper.timestamp(data, after(20_000))
  t.equal(one.seen.requests.length, 1)
  t.equal(other.seen.requests.length, 3)

  t.test('and the first one again where that fails', async (t) => {
    one.answer = good
    other.answer = failing
    await timestamper.timestamp(data, after(20_000))
    t.equal(other.seen.requests.length, 4)
    t.equal(one.seen.requests.length, 2)
    await timestamper.timestamp(data, after(20_000))
    t.equal(one.seen.requests.length, 3)
  })
})

t.test('after its rest the first one is asked first again', async (t) => {
  const { timestamper, one, other } = await startBoth(t, failing, good, { restMs: 50 })
  await timestamper.timestamp(data, after(20_000))
  one.answer = good
  await sleep(60)
  await timestamper.timestamp(data, after(20_000))
  t.equal(one.seen.requests.length, 2)
  t.equal(other.seen.requests.length, 1)
})

t.test('of those that come after its rest only the first finds out how it is', async (t) => {
  const { timestamper, one, other } = await startBoth(t, failing, good, { restMs: 50 })
  await timestamper.timestamp(data, after(20_000))
  one.answer = silent
  await sleep(60)
  await Promise.all([1, 2].map(() => timestamper.timestamp(data, after(6_000))))
  t.equal(one.seen.requests.length, 2)
  t.equal(other.seen.requests.length, 3)
})

t.test('one that hangs leaves time for the other', async (t) => {
  const { timestamper, told, outcomes, one } = await startBoth(t, silent, good)
  t.ok(verifies(directory, (await timestamper.timestamp(data, after(6_000))).token, data, root))
  t.strictSame(outcomes(), ['timeout', 'granted'])
  t.match(told[0]?.problem, /^127\.0\.0\.1:\d+ did not answer within (29\d\d|3000) ms$/)
  t.equal(one.seen.requests.length, 1)
})

t.test('all hang: the deadline', async (t) => {
  const { timestamper, told, outcomes } = await startBoth(t, silent, silent)
  await t.rejects(timestamper.timestamp(data, after(400)), {
    message: /: no answer; the log has the details$/,
    cause: { message: /did not answer within .* did not answer within/ },
  })
  const waits = told.map(({ problem }) => Number(/ within (\d+) ms$/.exec(`${problem}`)?.[1]))
  t.equal(waits.length, 2)
  // Timers may end part of a millisecond early, and each wait is told in whole ones
  t.ok(waits.every((ms) => ms > 0) && Number(waits[0]) + Number(waits[1]) <= 402, `${waits} ms`)
  t.strictSame(outcomes(), ['timeout', 'timeout'])
})

t.test('an answer that comes byte by byte does not outlast the deadline', async (t) => {
  const server = await startTimestampServer(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/timestamp-reply' })
    while (!response.destroyed) {
      response.write(Buffer.alloc(1))
      await sleep(20)
    }
  })
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }] })
  await t.rejects(timestamper.timestamp(data, after(300)), { cause: { message: /did not answer within/ } })
  t.strictSame(outcomes(), ['timeout'])
})

t.test('a deadline that is over', async (t) => {
  const server = await startTimestampServer(t, good)
  const { timestamper, told } = start(t, { authorities: [{ url: server.url }] })
  await t.rejects(timestamper.timestamp(data, after(0)), /: no time was left to ask one$/)
  t.strictSame(told, [])
  t.equal(server.seen.requests.length, 0)
})

t.test('whoever leaves hears so at once, and no authority is blamed', async (t) => {
  const { timestamper, outcomes, one, other } = await startBoth(t, silent, good)
  const controller = new AbortController()
  const wanted = timestamper.timestamp(data, { ...after(20_000), signal: controller.signal })
  while (one.seen.requests.length === 0) {
    await sleep(5)
  }
  controller.abort(new Error('left'))
  await t.rejects(wanted, { message: 'left' })
  t.strictSame(outcomes(), ['abandoned'])
  one.answer = good
  await timestamper.timestamp(data, { ...after(20_000), signal: new AbortController().signal })
  t.strictSame(outcomes(), ['abandoned', 'granted'])
  t.equal(other.seen.requests.length, 0)
  await t.rejects(timestamper.timestamp(data, { ...after(20_000), signal: controller.signal }), /left/)
  t.equal(one.seen.requests.length, 2)
})

t.test('connections are kept, and are as many as allowed', async (t) => {
  const server = await startTimestampServer(t, good)
  const { timestamper } = start(t, { authorities: [{ url: server.url }], connections: 2 })
  await Promise.all(Array.from({ length: 8 }, () => timestamper.timestamp(data, after(60_000))))
  t.equal(server.seen.atOnce, 2)
  await timestamper.timestamp(data, after(20_000))
  t.equal(server.seen.connections, 2)
})

t.test('requests that wait for a connection to one that hangs are over by the deadline too', async (t) => {
  const server = await startTimestampServer(t, silent)
  const { timestamper, told } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  const wanted = Array.from({ length: 20 }, () => timestamper.timestamp(data, after(300)))
  t.ok((await Promise.allSettled(wanted)).every(({ status }) => status === 'rejected'))
  const timeouts = told.filter(({ outcome }) => outcome === 'timeout')
  t.strictSame(
    [timeouts.length, told.length],
    [1, 20],
    'of those that got none, the authority is not to blame',
  )
  t.ok(timeouts.every(({ problem }) => / within [12]?\d?\d ms$| within 300 ms$/.test(`${problem}`)))
})

t.test('a kept connection that ends as it is used anew is no failure', async (t) => {
  const sockets = new Set<Socket>()
  const server = await startTimestampServer(t, async (query, response, request) => {
    if (sockets.has(request.socket)) {
      request.socket.resetAndDestroy()
    } else {
      sockets.add(request.socket)
      send(response, await respond(query))
    }
  })
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }], connections: 2 })
  for (let count = 0; count < 3; count += 1) {
    await timestamper.timestamp(data, after(20_000))
  }
  t.strictSame(outcomes(), ['granted', 'granted', 'granted'])
  t.equal(server.seen.requests.length, 5)
  // Node gives the connection of one that has ended to one that waits
  await Promise.all(Array.from({ length: 8 }, () => timestamper.timestamp(data, after(60_000))))
  t.strictSame([...new Set(outcomes())], ['granted'])
})

t.test('several authorities of one host have numbers', async (t) => {
  const server = await startTimestampServer(t, failing)
  const { timestamper, told } = start(t, {
    authorities: [{ url: new URL('/key1', server.url) }, { url: new URL('/key2', server.url) }],
  })
  await t.rejects(timestamper.timestamp(data, after(20_000)))
  const { host } = server.url
  t.strictSame(
    told.map(({ authority }) => authority),
    [`${host} (1)`, `${host} (2)`],
  )
  t.notMatch(JSON.stringify(told), 'key1', 'which a path can hold')
})

t.test('authorities are known by the certificates that they sent', async (t) => {
  const { timestamper, one, other, outcomes } = await startBoth(t, good, failing)
  t.same(timestamper.anchoredPaths(), [])
  await timestamper.probe(20_000)
  t.same(outcomes().sort(), ['granted', 'http_error'])
  const paths = () => timestamper.anchoredPaths().map((path) => path.map(({ raw }) => raw.toString('hex')))
  const expected = [signer, issuing, root].map(({ certificate }) => certificate.raw.toString('hex'))
  t.same(paths(), [expected])
  other.answer = good
  await timestamper.probe(20_000)
  t.equal(one.seen.requests.length, 1, 'who is known is not asked again')
  t.same(paths(), [expected, expected])
  const { path } = await timestamper.timestamp(data, after(20_000))
  t.same(path, timestamper.anchoredPaths()[0])
})

t.test('certificates of an authority without trust anchors are nothing to ask others about', async (t) => {
  const introduced: boolean[] = []
  const told: string[] = []
  const observer = {
    asked: (_authority: string, _seconds: number, outcome: string) => told.push(outcome),
    introduced: (_authority: string, _path: readonly X509Certificate[], anchored: boolean) =>
      introduced.push(anchored),
  }
  const server = await startTimestampServer(t, good)
  const { timestamper } = start(t, { authorities: [{ url: server.url, trustAnchors: [] }], observer })
  await timestamper.timestamp(data, after(20_000))
  t.same(told, ['granted'])
  t.equal(timestamper.sentPaths().length, 1)
  t.same(timestamper.anchoredPaths(), [])
  t.same(introduced, [false])
  await timestamper.probe(20_000)
  t.equal(server.seen.requests.length, 1, 'it is known all the same')
})

t.test('an authority that is down is asked again until its certificates are known', async (t) => {
  const server = await startTimestampServer(t, failing)
  const other = await startTimestampServer(t, good)
  const { timestamper, outcomes } = start(t, {
    authorities: [{ url: server.url }, { url: other.url }],
    probeRetries: { first: 10, longest: 20 },
  })
  timestamper.probeInBackground(20_000)
  timestamper.probeInBackground(20_000)
  await until('it was asked three times', () => server.seen.requests.length >= 3)
  server.answer = good
  await until('both are known', () => timestamper.anchoredPaths().length === 2)
  const asked = server.seen.requests.length
  timestamper.probeInBackground(20_000)
  await timestamper.timestamp(data, after(20_000))
  t.equal(server.seen.requests.length + other.seen.requests.length, asked + 2, 'and no longer after that')
  t.equal(outcomes().filter((outcome) => outcome === 'granted').length, 3)
})

t.test('when no authority gives a timestamp any more, they are asked until one does', async (t) => {
  const probeRetries = { first: 10, longest: 20 }
  const { timestamper, one, other } = await startBoth(t, good, good, { probeRetries })
  const state = () => ({ problem: timestamper.problem, isUntried: timestamper.isUntried })
  const working = { problem: undefined, isUntried: false }
  t.strictSame(state(), { problem: undefined, isUntried: true })
  timestamper.probeInBackground(20_000)
  await until('both are known', () => timestamper.anchoredPaths().length === 2)
  t.strictSame(state(), working)

  one.answer = failing
  await timestamper.timestamp(data, after(20_000))
  t.strictSame(state(), working, 'one is enough')
  other.answer = (_, response) => send(response, Buffer.from('no timestamp'))
  await t.rejects(timestamper.timestamp(data, after(20_000)), { code: 'TIMESTAMP_UNAVAILABLE' })
  await until('it is known', () => timestamper.problem !== undefined)
  t.match(timestamper.problem, /good: an answer that does not count$/)
  t.equal(timestamper.isUntried, false)

  other.answer = good
  await until('one gives timestamps again', () => timestamper.problem === undefined)
  const asked = one.seen.requests.length
  await sleep(200)
  t.ok(one.seen.requests.length <= asked + 1, 'the other one is left alone then')
})

t.test('who is asked for one timestamp alone is not asked in the background', async (t) => {
  const server = await startTimestampServer(t, failing)
  const { timestamper } = start(t, { authorities: [{ url: server.url }] })
  await t.rejects(timestamper.timestamp(data, after(20_000)), { code: 'TIMESTAMP_UNAVAILABLE' })
  await sleep(100)
  t.equal(server.seen.requests.length, 1)
  t.equal(timestamper.problem, undefined)
})

t.test('what goes on in the background ends with the connections', async (t) => {
  const server = await startTimestampServer(t, silent)
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }] })
  timestamper.probeInBackground(20_000)
  await until('it was asked', () => server.seen.requests.length === 1)
  timestamper.close()
  await until('it was told', () => outcomes().length === 1)
  t.strictSame(outcomes(), ['abandoned'])
})

t.test('of an authority whose certificate was revoked no timestamp is taken', async (t) => {
  const findRevoked = ([certificate]: readonly X509Certificate[]) =>
    certificate?.subject === signer.certificate.subject ? revocationOf(certificate) : undefined
  const replacement = issue(directory, {
    ...{ subject: '/CN=Replacement', issuer: issuing, extensions: FOR_TIMESTAMPS },
  })
  const answerOfOther = createResponder(directory, { signer: replacement, chain: [issuing] })
  const { timestamper, told, outcomes, one, other } = await startBoth(
    t,
    good,
    async (query, response) => send(response, await answerOfOther(query)),
    { findRevoked },
  )
  const { path } = await timestamper.timestamp(data, after(20_000))
  t.equal(path[0]?.subject, 'CN=Replacement')
  t.strictSame(outcomes(), ['revoked', 'granted'])
  t.match(told, [
    {
      problem:
        /timestamps with a certificate that does not count: that of CN=Timestamp authority was revoked at 2020-01-01T00:00:00.000Z \(superseded\)$/,
    },
  ])
  await timestamper.timestamp(data, after(20_000))
  t.equal(one.seen.requests.length, 1, 'it comes last for a while')
  other.answer = failing
  await t.rejects(timestamper.timestamp(data, after(20_000)), {
    message: /: an answer that does not count; its certificate was revoked; the log has the details$/,
  })
})

t.test(
  'an issuer that was revoked is gone around where its authority is certified by another one too',
  async (t) => {
    const year = 365 * 86_400_000
    const otherRoot = issue(directory, { subject: '/O=Other/CN=Root', ca: true })
    const ca = { subject: '/O=Test/CN=Crossed CA', ca: true }
    const own = issue(directory, { ...ca, issuer: root, notAfter: new Date(Date.now() + year / 2) })
    const crossed = issue(directory, { ...ca, issuer: otherRoot, keyFile: own.keyFile })
    const certified = issue(directory, {
      ...{ subject: '/CN=Crossed authority', issuer: own, extensions: FOR_TIMESTAMPS },
    })
    const respond = createResponder(directory, { signer: certified, chain: [own, crossed] })
    const server = await startTimestampServer(t, async (query, response) =>
      send(response, await respond(query)),
    )
    const revoked: Issued[] = []
    let probed = 0
    const outcomes: string[] = []
    const { timestamper } = start(t, {
      authorities: [{ url: server.url, trustAnchors: [root.certificate, otherRoot.certificate] }],
      findRevoked: (path) => {
        const certificate = path.find(({ raw }) => revoked.some((one) => one.certificate.raw.equals(raw)))
        return certificate && revocationOf(certificate)
      },
      observer: {
        asked: (_authority, _seconds, outcome) => outcomes.push(outcome),
        introduced: () => {
          probed += 1
        },
      },
    })
    const issuersOf = ({ path }: { readonly path: readonly X509Certificate[] }) =>
      path.slice(1).map(({ raw }) => raw.toString('hex'))
    const through = (...issued: readonly Issued[]) =>
      issued.map(({ certificate }) => certificate.raw.toString('hex'))
    const first = await timestamper.timestamp(data, after(20_000))
    t.strictSame(issuersOf(first), through(crossed, otherRoot), 'it lasts longer')
    revoked.push(crossed)
    const second = await timestamper.timestamp(data, after(20_000))
    t.strictSame(issuersOf(second), through(own, root))
    t.ok(verifies(directory, second.token, data, root))
    t.notOk(second.token.includes(crossed.certificate.raw), 'nothing leads validators there')
    t.equal(probed, 2, 'the other path is watched')
    t.same(
      timestamper.anchoredPaths().map((path) => issuersOf({ path })),
      [through(own, root), through(crossed, otherRoot)],
    )
    t.strictSame(issuersOf(await timestamper.timestamp(data, after(20_000))), through(own, root))
    revoked.push(own)
    await t.rejects(timestamper.timestamp(data, after(20_000)), { message: /its certificate was revoked/ })
    revoked.splice(0, 2, certified)
    await t.rejects(timestamper.timestamp(data, after(20_000)), { message: /its certificate was revoked/ })
    t.strictSame(outcomes, ['granted', 'granted', 'granted', 'revoked', 'revoked'])
  },
)

t.test('where revocation information is wanted, those about whom there is some come first', async (t) => {
  const { certificate } = issue(directory, {
    ...{ subject: '/CN=Unused', issuer: issuing, extensions: FOR_TIMESTAMPS },
  })
  const replacement = issue(directory, {
    ...{ subject: '/CN=Covered', issuer: issuing, extensions: FOR_TIMESTAMPS },
  })
  const answerOfOther = createResponder(directory, { signer: replacement, chain: [issuing] })
  const covered: Answer = async (query, response) => send(response, await answerOfOther(query))
  const passedOver: string[] = []
  const told: string[] = []
  const { timestamper, one, other } = await startBoth(t, good, covered, {
    observer: {
      asked: (_, __, outcome) => told.push(outcome),
      passedOver: (authority, problem) => passedOver.push(`${authority}: ${problem}`),
    },
  })
  await timestamper.probe(20_000)
  told.length = 0
  const about =
    (...known: X509Certificate[]) =>
    ([first]: readonly X509Certificate[]) =>
      known.some(({ subject }) => subject === first?.subject)
  const subjectFor = async (isCovered?: (path: readonly X509Certificate[]) => boolean) => {
    const { path } = await timestamper.timestamp(data, { ...after(20_000), ...(isCovered && { isCovered }) })
    return path[0]?.subject
  }
  const asked = () => [one.seen.requests.length, other.seen.requests.length]
  t.strictSame(asked(), [1, 1])
  t.equal(await subjectFor(about(replacement.certificate)), 'CN=Covered')
  t.strictSame(asked(), [1, 2], 'the first one is not asked')
  t.strictSame(passedOver, [
    `${one.url.host}: ${one.url.host} comes last: revocation information about its certificates is missing, or has no room`,
  ])
  t.equal(await subjectFor(), signer.certificate.subject, 'others have the given order')
  t.equal(await subjectFor(about(certificate)), signer.certificate.subject)
  t.strictSame(asked(), [3, 2], 'with none about anybody nobody else is asked in vain')
  t.equal(await subjectFor(about(signer.certificate, replacement.certificate)), signer.certificate.subject)

  t.test('another unit, about which there is none, is passed over too', async (t) => {
    const unit = issue(directory, {
      ...{ subject: '/CN=New unit', issuer: issuing, extensions: FOR_TIMESTAMPS },
    })
    const answerOfUnit = createResponder(directory, { signer: unit, chain: [issuing] })
    one.answer = async (query, response) => send(response, await answerOfUnit(query))
    const both = about(signer.certificate, replacement.certificate)
    t.equal(await subjectFor(both), 'CN=Covered')
    other.answer = failing
    t.equal(await subjectFor(both), 'CN=New unit', 'it is better than none')
    one.answer = failing
    await t.rejects(subjectFor(both), { code: 'TIMESTAMP_UNAVAILABLE' })
  })
  t.equal(passedOver.length, 1)
})

t.test('the newest unit of each authority comes first, and the largest timestamp is known', async (t) => {
  const stranger = issue(directory, { subject: '/CN=Stranger', ca: true })
  const key = { subject: '/O=Test/CN=Timestamp root', ca: true, keyFile: root.keyFile }
  const cross = issue(directory, { ...key, issuer: stranger })
  const [unit, spare] = ['Other unit', 'Spare'].map((name) =>
    issue(directory, { subject: `/CN=${name}`, issuer: issuing, extensions: FOR_TIMESTAMPS }),
  )
  const answersOf = (issued: typeof signer | undefined): Answer => {
    const respondAs = createResponder(directory, { signer: issued as typeof signer, chain: [issuing] })
    return async (query, response) => send(response, await respondAs(query))
  }
  const { timestamper, one } = await startBoth(t, good, answersOf(spare))
  t.equal(timestamper.largestToken, 0)
  await timestamper.probe(20_000)
  one.answer = answersOf(unit)
  const { token } = await timestamper.timestamp(data, after(20_000))
  t.ok(timestamper.largestToken >= token.length)
  t.strictSame(
    timestamper.anchoredPaths().map(([first]) => first?.subject),
    ['CN=Other unit', 'CN=Spare', signer.certificate.subject],
  )
  one.answer = async (query, response) =>
    send(response, await createResponder(directory, { signer, chain: [issuing, cross] })(query))
  const long = await timestamper.timestamp(data, after(20_000))
  t.equal(timestamper.largestToken, long.token.length)
  one.answer = answersOf(unit)
  for (let index = 1; index < 8; index++) {
    await timestamper.timestamp(data, after(20_000))
  }
  t.equal(timestamper.largestToken, long.token.length)
  await timestamper.timestamp(data, after(20_000))
  t.ok(timestamper.largestToken < long.token.length, 'it does not count for ever')
})

t.test('an authority that hangs keeps some requests waiting, and refuses others at once', async (t) => {
  const server = await startTimestampServer(t, silent)
  const probeRetries = { first: 10, longest: 10 }
  const { timestamper } = start(t, { authorities: [{ url: server.url }], probeRetries })
  const crowded = { message: /too many others wait for one/ }
  const wait = (count: number) =>
    Promise.allSettled(Array.from({ length: count }, () => timestamper.timestamp(data, after(1_500))))
  const first = wait(128)
  await t.rejects(timestamper.timestamp(data, after(60_000)), crowded)
  t.throws(() => timestamper.checkRoom(), crowded, 'before the HSM signs')
  timestamper.checkRoom('another')
  await first
  timestamper.checkRoom()
  server.answer = failing
  timestamper.probeInBackground(60_000)
  await until('it is known to be away', () => timestamper.problem !== undefined)
  server.answer = silent
  const next = wait(4)
  await t.rejects(timestamper.timestamp(data, after(60_000)), crowded)
  await next
  server.answer = good
  await timestamper.timestamp(data, after(60_000))
  t.equal(timestamper.problem, undefined, 'one of the few has found it there again')
  const granted = await Promise.all(
    Array.from({ length: 8 }, () => timestamper.timestamp(data, after(60_000))),
  )
  t.ok(granted.every(({ token }) => token.length > 0))
})

t.test('owners take turns, so that one who asks for much keeps nobody waiting', async (t) => {
  const answered: Promise<unknown>[] = []
  let isFirst = true
  const server = await startTimestampServer(t, async (query, response) => {
    // The others are asked for when all wait for the first
    if (isFirst) {
      isFirst = false
      await until('all wait', () => answered.length === 24)
    }
    send(response, await respond(query))
  })
  const { timestamper } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  const order: string[] = []
  const ask = (owner: string) => {
    const asked = timestamper.timestamp(data, { ...after(60_000), owner }).then(() => order.push(owner))
    answered.push(asked)
  }
  for (const owner of [...Array<string>(20).fill('greedy'), 'one', 'other', 'one', 'other']) {
    ask(owner)
  }
  await Promise.all(answered)
  t.strictSame(order.slice(0, 7), ['greedy', 'greedy', 'one', 'other', 'greedy', 'one', 'other'])
  t.strictSame(new Set(order.slice(7)), new Set(['greedy']))
})

t.test('an owner has half of the room that the others leave', async (t) => {
  const server = await startTimestampServer(t, silent)
  const { timestamper } = start(t, { authorities: [{ url: server.url }] })
  const leaving = new AbortController()
  const { signal } = leaving
  const waiting: Promise<unknown>[] = []
  const fill = (owner: string) => {
    let count = 0
    for (; isAdmitted(owner); count++) {
      waiting.push(timestamper.timestamp(data, { ...after(60_000), owner, signal }).catch(() => {}))
    }
    return count
  }
  const isAdmitted = (owner: string) => {
    try {
      timestamper.checkRoom(owner)
      return true
    } catch {
      return false
    }
  }
  t.strictSame(['one', 'two', 'three'].map(fill), [128, 64, 32])
  leaving.abort(new Error('all leave'))
  await Promise.all(waiting)
  t.equal(isAdmitted('one'), true)
  server.answer = good
  await timestamper.timestamp(data, { ...after(60_000), owner: 'one' })
})

t.test('what would come too late, while others wait, is refused at once', async (t) => {
  const gate = createGate()
  let isHeld = false
  const server = await startTimestampServer(t, async (query, response) => {
    await (isHeld ? gate.opened : sleep(400))
    send(response, await respond(query))
  })
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  await timestamper.timestamp(data, after(60_000))
  isHeld = true
  const first = timestamper.timestamp(data, after(60_000))
  await until('it is asked', () => server.seen.requests.length === 2)
  // There is time for one answer, but not for that of the first and his own
  await t.rejects(timestamper.timestamp(data, after(700)), { message: /too many others wait for one/ })
  t.strictSame(outcomes(), ['granted', 'crowded'], 'while the first is asked')
  gate.open()
  await first
  t.equal(server.seen.requests.length, 2)
})

t.test('those who come after an authority has hung are not judged by that', async (t) => {
  const server = await startTimestampServer(t, silent)
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  await t.rejects(timestamper.timestamp(data, after(3_000)))
  server.answer = good
  await sleep(200)
  await timestamper.timestamp(data, after(60_000))
  const seen = outcomes().length
  await Promise.all(Array.from({ length: 4 }, () => timestamper.timestamp(data, after(12_000))))
  t.strictSame(outcomes().slice(seen), Array(4).fill('granted'))
})

t.test('who leaves gives his place to others when the authority has done with his request', async (t) => {
  const server = await startTimestampServer(t, async (query, response) => {
    await sleep(100)
    send(response, await respond(query))
  })
  const { timestamper, outcomes } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  const leaving = new AbortController()
  const first = timestamper.timestamp(data, { ...after(60_000), signal: leaving.signal })
  await until('it is asked', () => server.seen.requests.length === 1)
  leaving.abort(new Error('he leaves'))
  await t.rejects(first, { message: 'he leaves' })
  await timestamper.timestamp(data, after(60_000))
  t.equal(server.seen.atOnce, 1)
  t.strictSame(outcomes(), ['abandoned', 'granted'])
})

t.test('an authority is not blamed for the time in which others had its connections', async (t) => {
  const gate = createGate()
  const server = await startTimestampServer(t, async (query, response) => {
    await gate.opened
    send(response, await respond(query))
  })
  const { timestamper, told, outcomes } = start(t, { authorities: [{ url: server.url }], connections: 1 })
  const first = timestamper.timestamp(data, { ...after(60_000), owner: 'one' })
  const second = timestamper.timestamp(data, { ...after(300), owner: 'other' })
  await t.rejects(second, { message: /too many others wait for one/ })
  t.match(told, [
    { outcome: 'crowded', problem: /was not asked, or too late: too many others wait for one$/ },
  ])
  gate.open()
  await first
  t.strictSame(outcomes(), ['crowded', 'granted'])
})

t.test(
  'where all connections of an authority are taken for too long, the next one is asked at once',
  async (t) => {
    const gate = createGate()
    let isHeld = false
    const slow: Answer = async (query, response) => {
      await (isHeld ? gate.opened : sleep(2_000))
      send(response, await respond(query))
    }
    const { timestamper, outcomes, one, other } = await startBoth(t, slow, good, { connections: 1 })
    await timestamper.timestamp(data, after(60_000))
    isHeld = true
    const first = timestamper.timestamp(data, after(60_000))
    await until('it is asked', () => one.seen.requests.length === 2)
    // Half of the time is less than two answers take
    await timestamper.timestamp(data, after(6_000))
    t.equal(other.seen.requests.length, 1, 'while the first is asked')
    gate.open()
    await first
    t.strictSame(outcomes(), ['granted', 'crowded', 'granted', 'granted'])
  },
)
