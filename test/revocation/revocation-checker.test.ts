import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { TAG } from '../../src/asn1/tag.ts'
import { HttpClient } from '../../src/common/http-client.ts'
import { DEFAULT_LIMITS } from '../../src/revocation/limits.ts'
import { createOcspRequest } from '../../src/revocation/ocsp/ocsp-request.ts'
import { NotAsked } from '../../src/revocation/request-queue.ts'
import { RevocationChecker, readIssuedCertificate } from '../../src/revocation/revocation-checker.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { type Issued, issue } from '../support/certificates.ts'
import { inPem } from '../support/changed-crl.ts'
import { attribute, CERTIFICATE, COMMON_NAME, nameOf, reissue } from '../support/resigned.ts'
import { judgeCrl, RevocationAuthority } from '../support/revocation-authority.ts'
import { crlAt, ocspAt } from '../support/revocation-chain.ts'
import { type Handler, startRevocationServer } from '../support/revocation-server.ts'
import { until } from '../support/signing.ts'

const HOUR_MS = 3_600_000
const directory = t.testdir()
const server = await startRevocationServer()
t.teardown(() => server.close())
const root = issue(directory, { subject: '/CN=root', ca: true })
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root, extension: ocspAt(`${server.url}/ocsp`) })
const authority = new RevocationAuthority(directory, root)
authority.know(leaf.certificate)
const { signal } = new AbortController()
/** Asks a CRL about no certificate. */
const ABOUT_NOBODY = { issuer: root.certificate, serialNumbers: new Set<string>() }

function ask(outcomes: string[] = []) {
  const observer = {
    asked: (source: string, _: number, outcome: string) => outcomes.push(`${source} ${outcome}`),
  }
  const checker = new RevocationChecker(new HttpClient(), observer, DEFAULT_LIMITS)
  return checker.askResponder(readIssuedCertificate(leaf.certificate, root.certificate), signal)
}

function delegate(...extensions: string[]) {
  const signer = issue(directory, {
    subject: '/CN=responder',
    issuer: root,
    extensions: ['extendedKeyUsage = OCSPSigning', ...extensions],
  })
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  return signer
}

t.test(
  "a responder's certificate is looked for in the CRL that it names, unless that need not be",
  async (t) => {
    const outcomes: string[] = []
    server.on('/crl', () => authority.crl({ nextUpdate: new Date(Date.now() + HOUR_MS) }))
    delegate(crlAt(`${server.url}/crl`), 'noCheck = ignored')
    t.notOk((await ask(outcomes)).responderCrl)
    delegate()
    t.notOk((await ask(outcomes)).responderCrl, 'it names none')
    t.strictSame(outcomes.splice(0), ['ocsp accepted', 'ocsp accepted'])

    const signer = delegate(crlAt(`${server.url}/crl`))
    const { responderCrl, nextUpdate } = await ask(outcomes)
    t.ok(judgeCrl(directory, responderCrl as Buffer, root))
    t.ok(nextUpdate.getTime() <= Date.now() + HOUR_MS, 'it is as fresh as that')
    t.strictSame(outcomes.splice(0), ['crl accepted', 'ocsp accepted'])

    authority.revoke(signer.certificate, new Date())
    const wrong = `${server.url}/ocsp: its responder's certificate is not known to be good: `
    await t.rejects(ask(outcomes), { message: `${wrong}it was revoked` })
    t.strictSame(outcomes.splice(0), ['crl accepted', 'ocsp refused'])

    authority.know(signer.certificate)
    const scope = ['issuingDistributionPoint = critical, @scope', '[scope]', 'onlyCA = TRUE']
    server.on('/crl', () => authority.crl({ extensions: scope }))
    await t.rejects(ask(), { message: `${wrong}${server.url}/crl: it is about other kinds of certificates` })
    server.on('/crl', (_, response) => {
      response.statusCode = 500
      return Buffer.alloc(0)
    })
    await t.rejects(ask(), { message: `${wrong}${server.url}/crl: it answered with the HTTP status 500` })
  },
)

t.test(
  'a responder that knows its certificates by the name in the certificate of their issuer',
  async (t) => {
    const issuer = nameOf(attribute(COMMON_NAME, TAG.printableString, 'ROOT'))
    const renamed = reissue(leaf, root, { [CERTIFICATE.issuer]: issuer })
    const outcomes: string[] = []
    const observer = { asked: (_: string, __: number, outcome: string) => outcomes.push(outcome) }
    const checker = new RevocationChecker(new HttpClient(), observer, DEFAULT_LIMITS)
    const askAbout = ({ certificate }: Issued) =>
      checker.askResponder(readIssuedCertificate(certificate, root.certificate), signal)
    const at = new Date('2026-01-02T03:04:05Z')
    t.teardown(() => authority.know(leaf.certificate))
    const knows = (request: Buffer) => authority.respond(request)
    const first = (answer: Handler): Handler => {
      let count = 0
      return (...request) => (count++ === 0 ? answer(...request) : knows(request[0]))
    }
    const other = issue(directory, { subject: '/CN=other', issuer: root })
    const aboutOther = createOcspRequest(
      readCertificateFields(other.certificate),
      readCertificateFields(root.certificate),
    ).der
    for (const [name, handler] of [
      ['unknown', knows],
      ['unauthorized', first(() => Buffer.from('30030a0106', 'hex'))],
      ['an answer about another certificate', first(() => authority.respond(aboutOther))],
    ] satisfies [string, Handler][]) {
      server.on('/ocsp', handler)
      authority.revoke(leaf.certificate, at, 'keyCompromise')
      t.match((await askAbout(renamed)).revocation, { at, reason: 'key compromise' }, name)
      t.strictSame(outcomes.splice(0), ['refused', 'accepted'], name)
      authority.know(leaf.certificate)
    }
    t.equal((await askAbout(renamed)).revocation, undefined)
    t.strictSame(outcomes.splice(0), ['refused', 'accepted'])

    const message = `${server.url}/ocsp: it does not know the certificate`
    authority.forget(leaf.certificate)
    await t.rejects(askAbout(renamed), { message })
    t.strictSame(outcomes.splice(0), ['refused', 'refused'])
    await t.rejects(askAbout(leaf), { message })
    t.strictSame(outcomes.splice(0), ['refused'], 'another name of the issuer there is not')
    server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
    await t.rejects(askAbout(renamed), { message: `${server.url}/ocsp: it answered tryLater` })
    t.strictSame(outcomes.splice(0), ['refused'], 'who says something else is not asked again')
  },
)

t.test('CRLs of addresses that no responder names any more are not kept', async (t) => {
  const checker = new RevocationChecker(new HttpClient(), { asked: () => {} }, DEFAULT_LIMITS)
  const crl = await authority.crl()
  const askAt = async (path: string) => {
    delegate(crlAt(`${server.url}${path}`))
    server.on(path, () => crl)
    const issued = readIssuedCertificate(leaf.certificate, root.certificate)
    return (await checker.askResponder(issued, signal)).responderCrl as Buffer
  }
  const first = await askAt('/first')
  for (let number = 0; number < 8; number++) {
    await askAt(`/crl-${number}`)
  }
  const again = await askAt('/first')
  t.ok(again.equals(first))
  t.not(again, first)
})

t.test('answers that come with one CRL hold it once', async (t) => {
  const observer = { asked: () => {} }
  const checker = new RevocationChecker(new HttpClient(), observer, DEFAULT_LIMITS)
  const askAgain = () =>
    checker.askResponder(readIssuedCertificate(leaf.certificate, root.certificate), signal)
  delegate(crlAt(`${server.url}/crl`))
  const crl = await authority.crl()
  server.on('/crl', () => crl)
  const { responderCrl } = await askAgain()
  t.equal((await askAgain()).responderCrl, responderCrl)
  server.on('/crl', () => authority.crl({ nextUpdate: new Date(Date.now() + HOUR_MS) }))
  t.notSame((await askAgain()).responderCrl, responderCrl, 'until there is another one')
})

t.test('that a certificate is revoked counts where nobody vouches for the responder', async (t) => {
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at)
  t.teardown(() => authority.know(leaf.certificate))
  const signer = delegate(crlAt(`${server.url}/none`))
  const outcomes: string[] = []
  const { revocation, flaw } = await ask(outcomes)
  t.strictSame(revocation, { at, reason: 'unspecified' })
  t.equal(
    flaw,
    `${server.url}/ocsp: its responder's certificate is not known to be good: ${server.url}/none: it answered with the HTTP status 404`,
  )
  t.strictSame(outcomes, ['crl unavailable', 'ocsp refused'])
  server.on('/none', () => authority.crl())
  authority.revoke(signer.certificate, at)
  const listed = await ask()
  t.strictSame(
    listed.revocation,
    { at, reason: 'unspecified' },
    'the CRL that revokes the responder says it too',
  )
  t.match(listed.flaw, /not known to be good: it was revoked$/)
  /** The CRL revokes the responder for this reason, and says nothing of the certificate. */
  const revokeAlone = async (reason: string) => {
    authority.know(leaf.certificate)
    authority.revoke(signer.certificate, at, reason)
    const crl = await authority.crl()
    server.on('/none', () => crl)
    authority.revoke(leaf.certificate, at)
  }
  await revokeAlone('superseded')
  t.strictSame((await ask()).revocation, { at, reason: 'unspecified' }, 'nobody else has its key')
  await revokeAlone('keyCompromise')
  await t.rejects(
    ask(),
    { message: /not known to be good: it was revoked$/ },
    'but somebody may have this one',
  )
})

t.test('a CRL about a responder that did not come is not awaited by each certificate', async (t) => {
  delegate(crlAt(`${server.url}/gone`))
  const outcomes: string[] = []
  const observer = {
    asked: (source: string, _: number, outcome: string) => outcomes.push(`${source} ${outcome}`),
  }
  const asked = async (
    limits = DEFAULT_LIMITS,
    checker = new RevocationChecker(new HttpClient(), observer, limits),
  ) => {
    const issued = readIssuedCertificate(leaf.certificate, root.certificate)
    await Promise.allSettled([1, 2, 3].map(() => checker.askResponder(issued, signal)))
    return outcomes.splice(0).filter((outcome) => outcome === 'crl unavailable').length
  }
  t.equal(await asked(), 1)
  t.equal(await asked({ ...DEFAULT_LIMITS, crlTimeoutMs: 0 }), 3, 'it is asked again later')
  const checker = new RevocationChecker(new HttpClient(), observer, DEFAULT_LIMITS)
  t.equal(await asked(DEFAULT_LIMITS, checker), 1)
  t.equal(await asked(DEFAULT_LIMITS, checker), 0)
  checker.forgetFailures()
  t.equal(await asked(DEFAULT_LIMITS, checker), 1)
})

t.test('who does not answer in time', async (t) => {
  server.on('/ocsp', () => undefined)
  const limits = { ...DEFAULT_LIMITS, ocspTimeoutMs: 50 }
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, limits)
  const issued = readIssuedCertificate(leaf.certificate, root.certificate)
  await t.rejects(checker.askResponder(issued, signal), {
    message: `${server.url}/ocsp: it did not answer within 50 ms`,
  })
})

t.test('who sends nothing more of a list', async (t) => {
  const list = await authority.crl()
  const limits = { ...DEFAULT_LIMITS, crlSilenceMs: 1_000 }
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, limits)
  const silent: Record<string, Handler> = {
    '/silent.crl': () => undefined,
    '/begun.crl': (_, response) => {
      response.writeHead(200).write(list.subarray(0, 100))
      return undefined
    },
    '/large.crl': (_, response) => {
      response.writeHead(200).write(Buffer.alloc(300_000))
      return undefined
    },
  }
  for (const [path, handler] of Object.entries(silent)) {
    server.on(path, handler)
  }
  server.on('/slow.crl', async (_, response) => {
    response.writeHead(200)
    // Ten parts and more, which take longer together than one may stay away
    for (let begin = 0; begin < list.length; begin += 20) {
      response.write(list.subarray(begin, begin + 20))
      await sleep(120)
    }
    response.end()
    return undefined
  })
  const fetch = (path: string) => checker.fetchCrl([new URL(path, server.url)], ABOUT_NOBODY, signal)
  await Promise.all([
    fetch('/slow.crl'),
    ...Object.keys(silent).map((path) =>
      t.rejects(fetch(path), { message: `${server.url}${path}: it sent nothing for 1000 ms` }),
    ),
  ])
})

t.test('those who wait for one who does not answer in time do not wait as long each', async (t) => {
  let count = 0
  server.on('/ocsp', () => void count++)
  const outcomes: string[] = []
  const observer = { asked: (_: string, __: number, outcome: string) => outcomes.push(outcome) }
  const limits = { ...DEFAULT_LIMITS, ocspTimeoutMs: 1_000 }
  const checker = new RevocationChecker(new HttpClient(), observer, limits)
  const issued = readIssuedCertificate(leaf.certificate, root.certificate)
  const asked = await Promise.allSettled(
    Array.from({ length: 5 }, () => checker.askResponder(issued, signal)),
  )
  const reasons = asked.map((one) => one.status === 'rejected' && one.reason)
  t.strictSame(
    reasons.map(({ message }) => message),
    Array(5).fill(`${server.url}/ocsp: it did not answer within 1000 ms`),
  )
  t.strictSame(
    reasons.map((reason) => reason instanceof NotAsked),
    [false, false, false, true, true],
    'the third one was sent when the first had gone, before nobody had answered the second',
  )
  t.strictSame([count, outcomes], [3, Array(3).fill('unavailable')])
  server.on('/ocsp', (request) => authority.respond(request))
  const answers = new RevocationChecker(new HttpClient(), observer, DEFAULT_LIMITS)
  t.notOk((await answers.askResponder(issued, signal)).revocation, 'the next one is asked again')
  server.on('/ocsp', () => Buffer.alloc(0))
  await Promise.allSettled([1, 2].map(() => answers.askResponder(issued, signal)))
  t.strictSame(
    outcomes.splice(0),
    [...Array(3).fill('unavailable'), 'accepted', 'refused', 'refused'],
    'each learns what is wrong',
  )
})

t.test('a responder is asked twice at a time, and for one CRL at a time', async (t) => {
  let open = 0
  let most = 0
  const count = (answer: Handler): Handler => {
    most = 0
    return async (...request) => {
      most = Math.max(most, ++open)
      await sleep(50)
      open--
      return answer(...request)
    }
  }
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, DEFAULT_LIMITS)
  const issued = readIssuedCertificate(leaf.certificate, root.certificate)
  server.on(
    '/ocsp',
    count((request) => authority.respond(request)),
  )
  await Promise.all(Array.from({ length: 5 }, () => checker.askResponder(issued, signal)))
  t.equal(most, 2)
  server.on(
    '/crl',
    count(() => authority.crl()),
  )
  const fetch = () => checker.fetchCrl([new URL('/crl', server.url)], ABOUT_NOBODY, signal)
  await Promise.all(Array.from({ length: 3 }, fetch))
  t.equal(most, 1)
})

t.test(
  'of the large CRLs of a host not all are read at a time, but small ones and those of others',
  async (t) => {
    // More than the system keeps of it, so that most of it was read once it is written
    const large = Buffer.alloc(15_000_000)
    const checker = new RevocationChecker(new HttpClient(), { asked() {} }, DEFAULT_LIMITS)
    const written = new Set<string>()
    const fetch = (path: string, signal: AbortSignal) =>
      checker.fetchCrl([new URL(path, server.url)], ABOUT_NOBODY, signal)
    const start = (path: string) => {
      const controller = new AbortController()
      server.on(path, (_, response) => void response.write(large, () => written.add(path)))
      return { controller, fetched: t.rejects(fetch(path, controller.signal), { message: 'the end' }) }
    }
    const fetches = new Map(['/one', '/two', '/three', '/four'].map((path) => [path, start(path)]))
    await until('one is read', () => written.size > 0)
    const other = await startRevocationServer()
    t.teardown(() => other.close())
    other.on('/large', () => Buffer.alloc(4_500_000))
    server.on('/small', () => Buffer.alloc(10))
    for (const url of [new URL('/small', server.url), new URL('/large', other.url)]) {
      await t.rejects(checker.fetchCrl([url], ABOUT_NOBODY, signal), { message: /it is no DER of this kind/ })
    }
    await sleep(200)
    t.ok(written.size <= 2, 'of those that stall')
    while (fetches.size > 0) {
      await until('the next one is read', () => written.size > 0)
      for (const path of written) {
        written.delete(path)
        fetches.get(path)?.controller.abort(new Error('the end'))
        await fetches.get(path)?.fetched
        fetches.delete(path)
      }
    }
  },
)

t.test('for a large CRL the time does not pass in which it waits for others that stall', async (t) => {
  const large = Buffer.alloc(15_000_000)
  const limits = { ...DEFAULT_LIMITS, crlTimeoutMs: 4_000, crlSilenceMs: 6_000 }
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, limits)
  const asked = new Set<string>()
  const fetch = (path: string) => checker.fetchCrl([new URL(path, server.url)], ABOUT_NOBODY, signal)
  const stalls = ['/one', '/two'].map((path) => {
    server.on(path, (_, response) => {
      response.write(large)
      asked.add(path)
    })
    return t.rejects(fetch(path), { message: /it did not answer within 4000 ms/ })
  })
  await until('they are asked', () => asked.size === stalls.length)
  server.on('/whole', () => large)
  await t.rejects(fetch('/whole'), { message: /it is no DER of this kind/ })
  await Promise.all(stalls)
})

t.test('that the CRL of a responder did not come for one authority says nothing for another', async (t) => {
  const renewed = issue(directory, { subject: '/CN=root', ca: true })
  const later = new RevocationAuthority(directory, renewed)
  const other = issue(directory, {
    subject: '/CN=other',
    issuer: renewed,
    extension: ocspAt(`${server.url}/later`),
  })
  later.know(other.certificate)
  const crl = crlAt(`${server.url}/shared`)
  const [one, two] = [root, renewed].map((issuer) =>
    issue(directory, {
      subject: '/CN=responder',
      issuer,
      extensions: ['extendedKeyUsage = OCSPSigning', crl],
    }),
  ) as [Issued, Issued]
  server.on('/shared', () => later.crl())
  server.on('/ocsp', (request) => authority.respond(request, { signer: one }))
  server.on('/later', (request) => later.respond(request, { signer: two }))
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, DEFAULT_LIMITS)
  const ask = (certificate: Issued, issuer: Issued) =>
    checker.askResponder(readIssuedCertificate(certificate.certificate, issuer.certificate), signal)
  await t.rejects(ask(leaf, root), { message: /its responder's certificate is not known to be good/ })
  t.ok((await ask(other, renewed)).responderCrl)
})

t.test('of several answers with a flaw the latest counts, wherever it comes from', async (t) => {
  authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'))
  t.teardown(() => authority.know(leaf.certificate))
  const at = (hours: number) => new Date(Date.now() - hours * HOUR_MS)
  const [newer, older] = await Promise.all([1, 2].map((hours) => authority.crl({ thisUpdate: at(hours) })))
  server.on('/newer', () => inPem(newer as Buffer))
  server.on('/older', () => inPem(older as Buffer))
  const checker = new RevocationChecker(new HttpClient(), { asked() {} }, DEFAULT_LIMITS)
  const { serialNumber } = readIssuedCertificate(leaf.certificate, root.certificate)
  const question = { issuer: root.certificate, serialNumbers: new Set([serialNumber]) }
  for (const paths of [
    ['/newer', '/older'],
    ['/older', '/newer'],
  ]) {
    const urls = paths.map((path) => new URL(path, server.url))
    const { flaw, revocations } = await checker.fetchCrl(urls, question, signal)
    t.equal(flaw, `${server.url}/newer: it is PEM, but RFC 5280 4.2.1.13 demands DER`)
    t.ok(revocations.has(serialNumber))
  }
})
