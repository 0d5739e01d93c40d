import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { encodePem } from '../../src/asn1/pem.ts'
import type { RevocationInformation } from '../../src/revocation/revocation-information.ts'
import { type Issued, issue, openssl, withLongLength } from '../support/certificates.ts'
import { inPem, withoutNextUpdate } from '../support/changed-crl.ts'
import { CERTIFICATE, CRL, extensionsOf, reissue, resign, resignAnswer, timeOf } from '../support/resigned.ts'
import {
  asn1Time,
  type CrlOptions,
  judgeCrl,
  judgeOcsp,
  RevocationAuthority,
} from '../support/revocation-authority.ts'
import { crlAt, issueRevocationChain, ocspAt } from '../support/revocation-chain.ts'
import { type Handler, startRevocationServer } from '../support/revocation-server.ts'
import { type WatchedChain, watchChain } from '../support/revocation-watch.ts'

const DAY_MS = 86_400_000
/** For tests in which it fails at first. */
const QUICK = { retryMs: { first: 20, longest: 100 } }

const RESPONDER_REVOKED = /CN=leaf: its responder's certificate was revoked$/

/** Has requests fail at once, where one without an answer fails after the time for it. */
const resetting: Handler = (_, response) => void response.destroy()

/** Of all tests: one's own would be removed before what it has begun is over. */
const directories = t.testdir()

/** A server, and a chain whose leaf and authority name it. */
async function setUp(t: Test) {
  const directory = mkdtempSync(join(directories, 'chain-'))
  const server = await startRevocationServer()
  const at = (path: string) => `${server.url}${path}`
  const chain = issueRevocationChain(directory, {
    leaf: `${ocspAt(at('/dead'), at('/ocsp'))}\n${crlAt(at('/authority.crl'))}`,
    authority: crlAt(`ldap://127.0.0.1/cn=root`, at('/root.crl')),
  })
  const { root, authority, leaf, certificates } = chain
  server.on('/ocsp', (request) => authority.respond(request))
  server.on('/root.crl', () => root.crl())
  server.on('/authority.crl', () => authority.crl())
  const watch = (...[limits]: [Parameters<typeof watchChain>[1]?]) => {
    const watched = watchChain(certificates, limits)
    t.teardown(() => watched.service.stop())
    return watched
  }
  t.teardown(() => server.close())
  const of = { certificate: leaf, issuer: authority.issued, root: root.issued }
  const judge = (response: Buffer | undefined) => response && judgeOcsp(directory, response, of)
  return { directory, server, watch, judge, ...chain }
}

/** A server with two addresses of the CRL of an authority, which its leaf names, and no responder. */
async function setUpCrls(t: Test) {
  const directory = mkdtempSync(join(directories, 'chain-'))
  const server = await startRevocationServer()
  t.teardown(() => server.close())
  const extension = crlAt(`${server.url}/first.crl`, `${server.url}/second.crl`)
  const chain = issueRevocationChain(directory, {
    leaf: extension,
    authority: crlAt(`${server.url}/root.crl`),
  })
  server.on('/root.crl', () => chain.root.crl())
  return { directory, server: { ...server, extension }, ...chain }
}

/** Returns what openssl says of a leaf with a CRL, which other certificates than that of the issuer may have signed. */
function judgeExtended(
  directory: string,
  { crl, leaf, root, others }: { crl: Buffer; leaf: Issued; root: Issued; others: readonly Issued[] },
): string {
  const path = (name: string) => join(directory, name)
  writeFileSync(path('others.pem'), others.map(({ certificate }) => `${certificate}`).join(''))
  writeFileSync(path('crl.pem'), encodePem('X509 CRL', crl))
  const files = [
    '-CAfile',
    root.certificateFile,
    '-untrusted',
    path('others.pem'),
    '-CRLfile',
    path('crl.pem'),
  ]
  const args = ['verify', '-crl_check', '-extended_crl', ...files, leaf.certificateFile]
  const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  return stdout + stderr
}

const complete = (information: RevocationInformation) => information.complete

t.test('a leaf by OCSP, its authority by CRL, as openssl verifies them', async (t) => {
  const { watch, judge, root, server, directory, certificates } = await setUp(t)
  const { until, outcomes, messages, service } = watch()
  const before = service.information(certificates)
  t.strictSame(before.problems, [
    'CN=leaf: nobody has answered yet',
    'CN=authority: nobody has answered yet',
    'CN=authority: ldap://127.0.0.1/cn=root is not asked: it is neither http nor https',
  ])
  t.notOk(before.complete)
  const information = await until(complete)
  const { ocspResponses, crls, problems, nextUpdate, revoked } = information
  t.strictSame([ocspResponses.length, crls.length, problems, revoked], [1, 1, [], undefined])
  t.equal(judge(ocspResponses[0]?.der), 'good')
  t.ok(judgeCrl(directory, crls[0] as Buffer, root.issued))
  t.ok(nextUpdate && Math.abs(nextUpdate.getTime() - Date.now() - DAY_MS) < 60_000)
  t.strictSame(outcomes.toSorted(), ['crl accepted', 'ocsp accepted', 'ocsp unavailable'])
  t.strictSame(server.asked.toSorted(), ['/dead', '/ocsp', '/root.crl'], 'one CRL is not needed')
  t.strictSame(messages, [])
  const later = service.information(certificates, new Date(Date.now() + 2 * DAY_MS))
  t.strictSame(
    [later.complete, later.ocspResponses, later.crls],
    [false, [], []],
    'nothing stale is handed out',
  )
  t.match(later.problems, [
    'CN=leaf: the last answer has ended, and no other has come yet',
    'CN=authority: the last answer has ended, and no other has come yet',
  ])
})

t.test('the CRL where OCSP does not work, and OCSP again when it does', async (t) => {
  const { watch, server, authority, directory } = await setUp(t)
  let works = false
  server.on('/ocsp', (request) => (works ? authority.respond(request) : Buffer.from('30030a0103', 'hex')))
  const { until, messages } = watch(QUICK)
  const { ocspResponses, crls } = await until(complete)
  t.strictSame([ocspResponses.length, crls.length], [0, 2])
  t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
  t.equal(
    messages[0],
    `No revocation information from OCSP about CN=leaf: ${server.url}/dead: it answered with the HTTP status 404; ` +
      `${server.url}/ocsp: it answered tryLater`,
  )
  works = true
  await until(({ ocspResponses }) => ocspResponses.length === 1)
  t.strictSame(messages.slice(1), ['There is revocation information from OCSP about CN=leaf again'])
})

t.test('the time of the last answer is that of the certificate that waits longest for one', async (t) => {
  const { watch, server, authority, leaf } = await setUp(t)
  let isAway = false
  server.on('/ocsp', (request) => (isAway ? Buffer.from('garbage') : authority.respond(request)))
  server.on('/authority.crl', () => (isAway ? Buffer.from('garbage') : authority.crl()))
  const begin = Date.now()
  const { until, service, outcomes } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  const first = await until(complete)
  t.ok(Number(first.answeredAt) >= begin)
  await until(({ answeredAt }) => Number(answeredAt) > Number(first.answeredAt))
  isAway = true
  await until(() => outcomes.slice(-20).filter((outcome) => outcome === 'ocsp refused').length > 2)
  const { answeredAt } = service.information([leaf.certificate, authority.issued.certificate])
  const { length } = outcomes
  await until(() => outcomes.slice(length).filter((outcome) => outcome === 'crl accepted').length > 2)
  const still = service.information([leaf.certificate, authority.issued.certificate])
  t.equal(Number(still.answeredAt), Number(answeredAt), 'the root has answered meanwhile, about another one')
  t.equal(service.information([authority.issued.certificate]).answeredAt, undefined, 'nobody is asked')
})

t.test('a leaf that is not known to be good', async (t) => {
  const { watch, server, leaf, authority, root, directory } = await setUp(t)
  authority.forget(leaf.certificate)
  server.on('/authority.crl', () => Buffer.from('garbage'))
  const { until, outcomes } = watch()
  const { problems, crls } = await until(({ problems, crls }) => crls.length === 1 && problems.length === 2)
  t.strictSame(problems, [
    `CN=leaf: ${server.url}/dead: it answered with the HTTP status 404; ${server.url}/ocsp: it does not know the certificate`,
    `CN=leaf: ${server.url}/authority.crl: it is no DER of this kind: an element is missing, or another one is in its place`,
  ])
  t.ok(judgeCrl(directory, crls[0] as Buffer, root.issued), 'that of the root is there')
  t.ok(outcomes.includes('ocsp refused'))
})

t.test('that the leaf is revoked counts until somebody says later that it is not', async (t) => {
  const { watch, judge, leaf, authority, certificates, server } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at, 'holdInstruction,1.2.840.10040.2.1')
  const { until, service, messages } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  const { revoked, ocspResponses } = await until(complete)
  t.strictSame(revoked, { subject: 'CN=leaf', at, reason: 'certificate hold' })
  t.equal(judge(ocspResponses[0]?.der), 'revoked')
  const message = 'The certificate of CN=leaf was revoked at 2026-01-02T03:04:05.000Z: certificate hold'
  t.strictSame(messages, [message])
  const later = service.information(certificates, new Date(Date.now() + 2 * DAY_MS))
  t.ok(later.revoked && !later.complete, 'whether or not there is something fresh')
  server.on('/ocsp', () => undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.ok(service.information(certificates).revoked)
  authority.know(leaf.certificate)
  server.on('/ocsp', (request) => authority.respond(request))
  service.stop()
  service.start()
  await until(({ revoked }) => revoked === undefined)
  t.strictSame(messages, [message, 'The certificate of CN=leaf is no longer revoked'])
})

t.test(
  'a revocation is noticed within the longest age, though the answer before is fresh for a week',
  async (t) => {
    const { watch, leaf, authority, server } = await setUp(t)
    server.on('/ocsp', (request) => authority.respond(request, { args: ['-ndays', '7'] }))
    const refreshMs = { least: DAY_MS, most: 50 }
    const { until, outcomes } = watch({ ...QUICK, refreshMs })
    await until(complete)
    authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
    const { nextUpdate, revoked } = await until(({ revoked }) => revoked !== undefined)
    t.equal(revoked?.reason, 'key compromise')
    t.ok(nextUpdate && nextUpdate.getTime() > Date.now())
    t.notMatch(outcomes, /refused/)
  },
)

t.test('whoever asks for it has all asked anew at once who are needed', async (t) => {
  const { watch, leaf, authority, server } = await setUp(t)
  const { until, service } = watch()
  service.renew()
  await until(complete)
  authority.revoke(leaf.certificate, new Date(), 'keyCompromise')
  service.renew()
  await until(({ revoked }) => revoked !== undefined)
  const count = (path: string) => server.asked.filter((asked) => asked === path).length
  t.strictSame(['/ocsp', '/root.crl', '/authority.crl'].map(count), [2, 2, 0])
  service.stop()
  service.renew()
  t.equal(count('/ocsp'), 2, 'after the end nobody is asked')
})

t.test('those who gave no answer can be asked again at once, without the others', async (t) => {
  const { watch, server, leaf, authority } = await setUp(t)
  authority.forget(leaf.certificate)
  const { until, service } = watch({ retryMs: { first: DAY_MS, longest: DAY_MS } })
  server.on('/authority.crl', () => Buffer.from('garbage'))
  await until(({ problems, crls }) => problems.length === 2 && crls.length === 1)
  authority.know(leaf.certificate)
  service.retry()
  await until(complete)
  const count = (path: string) => server.asked.filter((asked) => asked === path).length
  t.strictSame(['/ocsp', '/root.crl'].map(count), [2, 1])
})

t.test('a CRL that is newer ends a hold of which OCSP told, when that is no longer fresh', async (t) => {
  const { watch, leaf, authority, certificates, server } = await setUp(t)
  const times = { thisUpdate: new Date(Date.now() + 60_000), nextUpdate: new Date(Date.now() + 5 * DAY_MS) }
  const crl = await authority.crl(times)
  server.on('/authority.crl', () => crl)
  server.on('/root.crl', () => undefined)
  authority.revoke(leaf.certificate, new Date(), 'holdInstruction,1.2.840.10040.2.1')
  const { until, service } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(({ revoked }) => revoked !== undefined)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  const later = () => service.information(certificates, new Date(Date.now() + 2 * DAY_MS))
  t.ok(later().revoked)
  while (later().revoked) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.strictSame(later().crls, [crl])
  t.ok(service.information(certificates).revoked, 'while it is fresh, it counts')
})

t.test('a hold of which a CRL told while OCSP was away ends with the next CRL', async (t) => {
  const { watch, leaf, authority, server } = await setUp(t)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  authority.revoke(leaf.certificate, new Date(), 'certificateHold')
  const week = { nextUpdate: new Date(Date.now() + 7 * DAY_MS) }
  const held = await authority.crl({ ...week, thisUpdate: new Date(Date.now() - 60_000) })
  server.on('/authority.crl', () => held)
  const { until } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(({ revoked }) => revoked !== undefined)
  authority.know(leaf.certificate)
  server.on('/ocsp', (request) => authority.respond(request))
  await until(({ ocspResponses, revoked }) => ocspResponses.length === 1 && revoked !== undefined)
  const lifted = await authority.crl({ ...week, thisUpdate: new Date() })
  server.on('/authority.crl', () => lifted)
  await until(({ revoked }) => revoked === undefined)
  const count = () => server.asked.filter((asked) => asked === '/authority.crl').length
  const before = count()
  const asked = server.asked.length
  while (server.asked.length < asked + 20) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.ok(count() <= before + 1, 'it is not needed any more')
})

t.test('what vouches for a responder is handed out with its answer', async (t) => {
  const { watch, server, authority, directory, judge } = await setUp(t)
  const signer = issue(directory, {
    subject: '/CN=responder',
    issuer: authority.issued,
    extensions: ['extendedKeyUsage = OCSPSigning', crlAt(`${server.url}/authority.crl`)],
  })
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  const { ocspResponses, crls } = await watch().until(complete)
  t.equal(judge(ocspResponses[0]?.der), 'good')
  t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
  t.equal(crls.length, 2)
})

t.test('the CRL stands in for the answer of a responder that nothing shows to be good', async (t) => {
  const { watch, server, authority, directory, certificates, leaf, judge } = await setUp(t)
  const signer = issue(directory, {
    subject: '/CN=responder',
    issuer: authority.issued,
    extensions: ['extendedKeyUsage = OCSPSigning'],
  })
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  const { until, service, messages } = watch(QUICK)
  const { crls, nextUpdate } = await until(
    ({ complete, ocspResponses }) => complete && ocspResponses.length === 0,
  )
  t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
  t.ok(nextUpdate && nextUpdate > new Date())
  t.strictSame(messages, [])
  const { ocspResponses } = service.information(certificates, new Date(), 'small')
  t.equal(judge(ocspResponses[0]?.der), 'good', 'it is there for those who have no room for the CRL')

  const at = new Date('2026-01-02T03:04:05Z')
  const crl = await authority.crl()
  server.on('/authority.crl', () => crl)
  authority.revoke(leaf.certificate, at, 'keyCompromise')
  service.renew()
  const { revoked } = await until(({ revoked }) => revoked !== undefined)
  t.strictSame(
    revoked,
    { subject: 'CN=leaf', at, reason: 'key compromise' },
    'what it alone revokes is revoked',
  )
})

t.test('the answer of a responder that nothing shows to be good counts without a CRL', async (t) => {
  const { watch, server, authority, directory, judge, certificates, leaf } = await setUp(t)
  const signer = issue(directory, {
    subject: '/CN=responder',
    issuer: authority.issued,
    extensions: ['extendedKeyUsage = OCSPSigning'],
  })
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  const scope = ['issuingDistributionPoint = critical, @scope', '[scope]', 'onlyCA = TRUE']
  server.on('/authority.crl', () => authority.crl({ extensions: scope }))
  const { until, service, messages } = watch(QUICK)
  const warnings = () => messages.filter((message) => message.includes('ocsp-nocheck'))
  const { ocspResponses, crls } = await until(() => warnings().length > 0)
  t.equal(judge(ocspResponses[0]?.der), 'good')
  t.equal(crls.length, 1)
  const asked = server.asked.length
  service.renew()
  await until(() => server.asked.length >= asked + 6)
  t.strictSame(
    warnings(),
    [
      'The OCSP responder of CN=leaf, CN=responder, has a certificate that neither has the extension ocsp-nocheck nor names a CRL ' +
        'that is asked: EU DSS, pyHanko and Bouncy Castle refuse containers of level b-lt with its answers; have the authority ' +
        'correct it',
    ],
    'with a warning, once',
  )
  t.strictSame(service.doubts(certificates), warnings())
  t.strictSame(service.doubts([leaf.certificate]), [], 'of one whose issuer is not known')
})

t.test(
  'the CRL stands in for an answer that some validators refuse for its times, which counts without one',
  async (t) => {
    const { watch, server, authority, directory, judge, certificates } = await setUp(t)
    server.on('/ocsp', async (request) => {
      const answer = await authority.respond(request)
      const produced = timeOf(asn1Time(new Date(Date.now() - 60_000)))
      return resignAnswer(answer, authority.issued.keyFile, () => ({ 1: produced }))
    })
    const { until, service, messages } = watch(QUICK)
    const { crls } = await until(({ complete, ocspResponses }) => complete && ocspResponses.length === 0)
    t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
    t.strictSame(service.doubts(certificates), [])
    t.strictSame(messages, [])
    server.on('/authority.crl', resetting)
    const other = watch(QUICK)
    const warnings = () => other.messages.filter((message) => message.includes('producedAt'))
    const { ocspResponses } = await other.until(() => warnings().length > 0)
    t.equal(judge(ocspResponses[0]?.der), 'good')
    t.strictSame(warnings(), [
      'The OCSP response about CN=leaf was signed at a time before that of which it tells (producedAt, thisUpdate): pdfsig does not ' +
        'take it in containers of level b-lt; have the authority correct it',
    ])
    const before = new Date(Date.now() - 2 * DAY_MS)
    server.on('/authority.crl', () => authority.crl({ thisUpdate: before }))
    const withOlder = watch(QUICK)
    await withOlder.until(() => withOlder.messages.some((message) => message.includes('producedAt')))
    t.equal(
      withOlder.service.information(certificates).ocspResponses.length,
      1,
      'a CRL that was made before the certificate was issued, which is doubted as well, does not stand in',
    )
  },
)

/** Waits until a CRL stands in for an answer that some validators do not take, or the answer is warned about. */
function untilDecided({ until, service }: WatchedChain, certificates: Parameters<typeof watchChain>[0]) {
  return until(
    ({ complete, ocspResponses }) =>
      complete && (ocspResponses.length === 0 || service.doubts(certificates).length > 0),
  )
}

t.test('a CRL stands in for the answer of a responder whose key only some validators know', async (t) => {
  for (const isThere of [true, false]) {
    const { watch, server, authority, directory, certificates, judge } = await setUp(t)
    const signer = issue(directory, {
      subject: '/CN=responder',
      issuer: authority.issued,
      extensions: ['extendedKeyUsage = OCSPSigning', 'noCheck = ignored'],
      key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:brainpoolP256r1'],
    })
    server.on('/ocsp', (request) => authority.respond(request, { signer }))
    if (!isThere) {
      server.on('/authority.crl', resetting)
    }
    const watched = watch(QUICK)
    const { service } = watched
    const { ocspResponses, crls } = await untilDecided(watched, certificates)
    if (isThere) {
      t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
      t.strictSame(service.doubts(certificates), [])
    } else {
      t.equal(judge(ocspResponses[0]?.der), 'good')
      t.match(service.doubts(certificates), [
        /^The OCSP response about CN=leaf has a responder that some validators do not take \(the certificate of CN=responder has a key on/,
      ])
    }
  }
})

t.test(
  'a CRL stands in for the answer of a responder about whom some validators do not take the CRL',
  async (t) => {
    const own = ['crlDistributionPoints = point', '[point]', 'CRLissuer = dirName:issuer']
    const name = ['[issuer]', 'CN = authority']
    const old = new Date(Date.now() - 2 * DAY_MS)
    for (const [points, options, doubt] of [
      [crlAt, { thisUpdate: old }, "was made before the responder's certificate was issued: EU DSS does not"],
      [
        crlAt,
        { extensions: ['2.5.29.20 = critical, DER:020107'] },
        'has a critical extension, 2.5.29.20, which is not to be critical: Bouncy Castle, PDFBox and EU DSS do not',
      ],
      [
        (url: string) => [...own, `fullname = URI:${url}`, ...name].join('\n'),
        {},
        'is that of a distribution point with its own issuer as cRLIssuer: Bouncy Castle, PDFBox and pyHanko do not',
      ],
    ] satisfies [(url: string) => string, CrlOptions, string][]) {
      for (const isThere of [true, false]) {
        const { watch, server, authority, directory, certificates, judge } = await setUp(t)
        const signer = issue(directory, {
          subject: '/CN=responder',
          issuer: authority.issued,
          extensions: ['extendedKeyUsage = OCSPSigning', points(`${server.url}/responder.crl`)],
        })
        server.on('/ocsp', (request) => authority.respond(request, { signer }))
        server.on('/responder.crl', () => authority.crl(options))
        if (!isThere) {
          server.on('/authority.crl', resetting)
        }
        const watched = watch(QUICK)
        const { service } = watched
        const { ocspResponses, crls } = await untilDecided(watched, certificates)
        t.ok(crls.some((crl) => judgeCrl(directory, crl, authority.issued)))
        t.strictSame(
          ocspResponses.map(({ der }) => judge(der)),
          isThere ? [] : ['good'],
        )
        const warning =
          `The OCSP response about CN=leaf has a responder whose CRL ${doubt} take it in containers of level b-lt; have the ` +
          'authority correct it'
        t.strictSame(service.doubts(certificates), isThere ? [] : [warning])
      }
    }
  },
)

t.test('an answer that came before its responder was revoked is not handed out any more', async (t) => {
  const { watch, server, authority, directory } = await setUp(t)
  const [signer, other] = ['responder', 'other responder'].map((name) =>
    issue(directory, {
      subject: `/CN=${name}`,
      issuer: authority.issued,
      extensions: ['extendedKeyUsage = OCSPSigning', crlAt(`${server.url}/authority.crl`)],
    }),
  ) as [Issued, Issued]
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  const { until, service, messages } = watch()
  t.equal((await until(complete)).ocspResponses.length, 1)
  authority.revoke(signer.certificate, new Date(), 'keyCompromise')
  service.renew()
  const { crls } = await until(({ complete, ocspResponses }) => complete && ocspResponses.length === 0)
  t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued), 'the CRL stands in')
  t.match(messages.at(-1), /its responder's certificate is not known to be good: it was revoked$/)
  server.on('/ocsp', (request) => authority.respond(request, { signer: other }))
  service.renew()
  t.equal((await until(({ ocspResponses }) => ocspResponses.length === 1)).revoked, undefined)
})

t.test('a responder that was revoked in a CRL that came before its first answer', async (t) => {
  const { watch, server, authority, directory } = await setUp(t)
  const signer = issue(directory, {
    subject: '/CN=responder',
    issuer: authority.issued,
    extensions: ['extendedKeyUsage = OCSPSigning'],
  })
  authority.revoke(signer.certificate, new Date(), 'keyCompromise')
  server.on('/ocsp', resetting)
  const { until, service, messages } = watch(QUICK)
  t.equal((await until(complete)).ocspResponses.length, 0)
  server.on('/ocsp', (request) => authority.respond(request, { signer }))
  service.renew()
  await until(() => messages.some((message) => RESPONDER_REVOKED.test(message)))
  t.equal((await until(complete)).ocspResponses.length, 0, 'the CRL stands in')
  for (let round = 0; round < 3; round++) {
    const before = server.asked.length
    service.renew()
    await until(() => server.asked.length > before + 1)
  }
  t.equal((await until(complete)).ocspResponses.length, 0, 'also after further answers')
})

for (const names of ['its CRL', 'none']) {
  t.test(
    `a responder that was revoked, and is away since, and whose certificate names ${names}`,
    async (t) => {
      const { watch, server, authority, directory } = await setUp(t)
      const signer = issue(directory, {
        subject: '/CN=responder',
        issuer: authority.issued,
        extensions: [
          'extendedKeyUsage = OCSPSigning',
          ...(names === 'none' ? [] : [crlAt(`${server.url}/authority.crl`)]),
        ],
      })
      server.on('/ocsp', (request) => authority.respond(request, { signer }))
      const { until, service, messages } = watch(QUICK)
      const embedded = names === 'none' ? 0 : 1
      await until(({ complete, ocspResponses }) => complete && ocspResponses.length === embedded)
      authority.revoke(signer.certificate, new Date(), 'keyCompromise')
      server.on('/ocsp', resetting)
      service.renew()
      await until(() => messages.some((message) => RESPONDER_REVOKED.test(message)))
      const { crls } = await until(({ complete, ocspResponses }) => complete && ocspResponses.length === 0)
      t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued), 'the CRL stands in')
      const told = messages.length
      server.on('/ocsp', (request) => authority.respond(request, { signer }))
      const asked = (path: string) => server.asked.filter((one) => one === path).length
      for (let round = 0; round < 3; round++) {
        const before = ['/ocsp', '/authority.crl'].map(asked)
        service.renew()
        await until(() =>
          ['/ocsp', '/authority.crl'].every((path, index) => asked(path) > Number(before[index])),
        )
      }
      await until(({ complete, ocspResponses }) => complete && ocspResponses.length === 0)
      t.notMatch(
        messages.slice(told).join(),
        /again/,
        'nor when it is there again, however often the CRL comes',
      )
    },
  )
}

t.test('a CRL tells that the authority is revoked', async (t) => {
  const { watch, root, authority } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  root.revoke(authority.issued.certificate, at, 'CACompromise')
  const { revoked } = await watch().until(complete)
  t.strictSame(revoked, { subject: 'CN=authority', at, reason: 'CA compromise' })
})

t.test('a CRL that shows nobody to be good tells that the leaf is revoked', async (t) => {
  const { watch, leaf, authority, certificates, server } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  const good = await authority.crl({ thisUpdate: new Date(Date.now() - 2 * DAY_MS) })
  server.on('/authority.crl', () => good)
  const { until, service, messages } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(complete)
  authority.revoke(leaf.certificate, at, 'keyCompromise')
  const revoking = await authority.crl({ extensions: ['2.5.29.20 = DER:020107'] })
  for (const [crl, flaw] of [
    [withoutNextUpdate(revoking, authority.issued), 'it does not say when it is to be replaced'],
    [inPem(revoking), 'it is PEM, but RFC 5280 4.2.1.13 demands DER'],
  ] as const) {
    server.on('/authority.crl', () => crl)
    service.stop()
    service.start()
    await until(({ revoked }) => revoked !== undefined)
    t.strictSame(service.information(certificates).revoked, {
      subject: 'CN=leaf',
      at,
      reason: 'key compromise',
    })
    const warning = `No revocation information from the CRL of CN=authority: ${server.url}/authority.crl: ${flaw}`
    while (!messages.includes(warning)) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    t.notOk(service.information(certificates).crls.includes(crl), 'it is not handed out')
  }
  t.ok(
    messages.includes('The certificate of CN=leaf was revoked at 2026-01-02T03:04:05.000Z: key compromise'),
  )
  authority.know(leaf.certificate)
  const newer = await authority.crl({ thisUpdate: new Date(Date.now() - DAY_MS / 2) })
  server.on('/authority.crl', () => newer)
  await until(({ revoked, complete }) => revoked === undefined && complete)
  t.ok(messages.includes('The certificate of CN=leaf is no longer revoked'), 'a newer one says so')
})

t.test('a CRL from before its certificate was issued counts, with a warning', async (t) => {
  const { watch, authority, leaf, server } = await setUp(t)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  const issuedAt = Date.parse(leaf.certificate.validFrom)
  const { until, messages } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  const warnings = () => messages.filter((message) => message.includes('before the certificate was issued'))
  const isFrom = (at: Date) => {
    server.on('/authority.crl', () => authority.crl({ thisUpdate: at }))
    return until(({ complete, crls }) => complete && crls.length === 2)
  }
  const early = new Date(issuedAt - 1_000)
  await isFrom(early)
  const asked = server.asked.length
  while (server.asked.length < asked + 4) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.strictSame(
    warnings(),
    [
      `The revocation information about CN=leaf is of ${early.toISOString()}, before the certificate was issued: ` +
        'until the next, EU DSS finds no acceptable revocation data in containers of level b-lt',
    ],
    'once',
  )
})

t.test('a CRL that some validators do not take counts, with a warning', async (t) => {
  const { watch, authority, server } = await setUp(t)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  server.on('/authority.crl', () => authority.crl({ extensions: ['2.5.29.28 = critical, DER:3000'] }))
  const { until, messages } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(({ complete, crls }) => complete && crls.length === 2)
  const asked = server.asked.length
  while (server.asked.length < asked + 4) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.strictSame(
    messages.filter((message) => message.includes('issuingDistributionPoint')),
    [
      'The CRL about CN=leaf has a critical issuingDistributionPoint that names no address of a CRL: EU DSS does not take it in ' +
        'containers of level b-lt; have the authority correct it',
    ],
    'once',
  )
})

t.test(
  'a CRL that names its address in other octets than the certificate counts, with a warning',
  async (t) => {
    const { watch, authority, server, certificates } = await setUp(t)
    server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
    const named = `fullname = URI:${server.url.replace('http:', 'HTTP:')}/authority.crl`
    const extensions = ['issuingDistributionPoint = critical, @scope', '[scope]', named]
    server.on('/authority.crl', () => authority.crl({ extensions }))
    const { until, service } = watch(QUICK)
    await until(({ complete, crls }) => complete && crls.length === 2)
    t.strictSame(service.doubts(certificates), [
      'The CRL about CN=leaf names its address in other octets than the certificate: OpenSSL, and often Bouncy Castle, PDFBox and ' +
        'pyHanko, do not take it in containers of level b-lt; have the authority correct it',
    ])
  },
)

t.test('a CRL of a distribution point with its own issuer as cRLIssuer counts, with a warning', async (t) => {
  const { server, authority, root, directory, certificates } = await setUpCrls(t)
  const points = (...names: string[]) =>
    names.flatMap((name, index) => [
      ...[`[point${index}]`, `fullname = URI:${server.url}/${name}.crl`],
      ...(name === 'own' ? ['CRLissuer = dirName:issuer', '[issuer]', 'CN = authority'] : []),
    ])
  server.on('/own.crl', () => authority.crl())
  server.on('/plain.crl', () => authority.crl())
  for (const [names, doubts] of [
    [
      ['own'],
      [
        'The CRL about CN=leaf is that of a distribution point with its own issuer as cRLIssuer: Bouncy Castle, PDFBox and pyHanko do not ' +
          'take it in containers of level b-lt; have the authority correct it',
      ],
    ],
    [['own', 'plain'], []],
  ] as const) {
    const list = names.map((_, index) => `point${index}`).join(', ')
    const leaf = issue(directory, {
      ...{ subject: '/CN=leaf', issuer: authority.issued },
      extension: [`crlDistributionPoints = ${list}`, ...points(...names)].join('\n'),
    })
    const chain = [leaf.certificate, ...certificates.slice(1)]
    const { until, service } = watchChain(chain, QUICK)
    t.teardown(() => service.stop())
    const { crls } = await until(complete)
    t.ok(crls.every((crl) => [root, authority].some(({ issued }) => judgeCrl(directory, crl, issued))))
    t.strictSame(service.doubts(chain), doubts)
  }
})

t.test('a CRL that does not say when it was made revokes until a later one does not', async (t) => {
  const { watch, leaf, authority, server } = await setUp(t)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  const good = await authority.crl({ thisUpdate: new Date() })
  server.on('/authority.crl', () => good)
  const { until, messages } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(complete)
  authority.revoke(leaf.certificate, new Date('2026-01-02T03:04:05Z'), 'certificateHold')
  const wrong = { [CRL.thisUpdate]: timeOf('261301000000Z') }
  const revoking = resign(await authority.crl(), authority.issued.keyFile, wrong)
  server.on('/authority.crl', () => revoking)
  const { crls } = await until(({ revoked }) => revoked !== undefined)
  t.notOk(crls.includes(revoking), 'it is not handed out')
  t.ok(
    messages.includes(
      `No revocation information from the CRL of CN=authority: ${server.url}/authority.crl: it is no DER of this kind: ` +
        '"261301000000Z" is not a time of RFC 5280 4.1.2.5',
    ),
  )
  authority.know(leaf.certificate)
  const later = await authority.crl({ thisUpdate: new Date(Date.now() + 60_000) })
  server.on('/authority.crl', () => later)
  await until(({ revoked, complete }) => revoked === undefined && complete)
  t.ok(messages.includes('The certificate of CN=leaf is no longer revoked'))
})

t.test('an OCSP response to an earlier request tells that the leaf is revoked', async (t) => {
  const { watch, leaf, authority, server } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at, 'keyCompromise')
  server.on('/authority.crl', () => undefined)
  let earlier: Buffer | undefined
  server.on('/ocsp', async (request) => {
    earlier ??= await authority.respond(request)
    return earlier
  })
  const expected = { subject: 'CN=leaf', at, reason: 'key compromise' }
  t.strictSame((await watch().until(({ revoked }) => revoked !== undefined)).revoked, expected)
  const { revoked, ocspResponses } = await watch().until((information) => information.revoked !== undefined)
  t.strictSame(revoked, expected)
  t.notOk(
    ocspResponses.some(({ der }) => der.equals(earlier as Buffer)),
    'it is not handed out, as it has the nonce of another request',
  )
})

t.test(
  'the CRL of the next distribution point where that of the first is about others, as openssl takes it',
  async (t) => {
    const directory = mkdtempSync(join(directories, 'chain-'))
    const server = await startRevocationServer()
    t.teardown(() => server.close())
    const [ofAuthorities, ofOthers] = [`${server.url}/authorities.crl`, `${server.url}/others.crl`]
    const { root, authority, leaf, certificates } = issueRevocationChain(directory, {
      leaf: crlAt(ofAuthorities, ofOthers),
      authority: crlAt(`${server.url}/root.crl`),
    })
    const scopeOf = (url: string, only: string) => [
      'issuingDistributionPoint = critical, @scope',
      ...['[scope]', `fullname = URI:${url}`, `${only} = TRUE`],
    ]
    const crls = [
      await authority.crl({ extensions: scopeOf(ofAuthorities, 'onlyCA') }),
      await authority.crl({ extensions: scopeOf(ofOthers, 'onlyuser') }),
    ] as const
    server.on('/root.crl', () => root.crl())
    server.on('/authorities.crl', () => crls[0])
    server.on('/others.crl', () => crls[1])
    const { service, until, messages } = watchChain(certificates)
    t.teardown(() => service.stop())
    t.ok((await until(complete)).crls.some((crl) => crl.equals(crls[1])))
    t.strictSame(messages, [])
    const file = join(directory, 'crls.pem')
    writeFileSync(file, crls.map((crl) => encodePem('X509 CRL', crl)).join(''))
    const trusted = ['-partial_chain', '-trusted', authority.issued.certificateFile]
    openssl('verify', ...trusted, '-crl_check', '-CRLfile', file, leaf.certificateFile)

    server.on('/others.crl', () => crls[0])
    const other = watchChain(certificates)
    t.teardown(() => other.service.stop())
    await other.until(({ problems }) => problems.join().includes('it is about other kinds of certificates'))
    t.match(other.messages.join(), 'No revocation information from the CRL of CN=authority')
  },
)

t.test(
  'the CRL of the next address where that of the first is old and revokes another certificate',
  async (t) => {
    const { authority, leaf, certificates, directory, server } = await setUpCrls(t)
    const held = issue(directory, {
      subject: '/CN=held',
      issuer: authority.issued,
      extension: server.extension,
    })
    const at = new Date('2026-01-02T03:04:05Z')
    authority.revoke(held.certificate, at, 'certificateHold')
    const [before, now] = [new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS)]
    const old = await authority.crl({ thisUpdate: before, nextUpdate: now })
    const newer = await authority.crl({ thisUpdate: new Date(), nextUpdate: now })
    authority.know(held.certificate)
    authority.know(leaf.certificate)
    const fresh = await authority.crl({ thisUpdate: now })
    server.on('/first.crl', () => old)
    server.on('/second.crl', () => fresh)
    const chain = [held.certificate, ...certificates.slice(1)]
    const { service, until } = watchChain(certificates, { ...QUICK, refreshMs: { least: 10, most: 10 } })
    t.teardown(() => service.stop())
    service.watch([certificates, chain])
    const { crls } = await until(complete)
    t.ok(judgeCrl(directory, crls[0] as Buffer, authority.issued))
    t.strictSame(service.information(chain).revoked, undefined, 'the hold was lifted since')
    server.on('/first.crl', () => newer)
    await until(() => service.information(chain).revoked !== undefined)
    t.match(service.information(chain).revoked, { subject: 'CN=held', at }, 'a later revocation counts')
  },
)

t.test(
  'one address has the CRL about authorities, and another one that about users, as openssl takes it',
  async (t) => {
    const { authority, leaf, certificates, directory, server } = await setUpCrls(t)
    const options = { issuer: authority.issued, extension: server.extension }
    const below = issue(directory, { subject: '/CN=below', ca: true, ...options })
    const user = issue(directory, { subject: '/CN=user', issuer: below })
    authority.revoke(below.certificate, new Date('2026-01-02T03:04:05Z'), 'CACompromise')
    const scopeOf = (only: string) => [
      'issuingDistributionPoint = critical, @scope',
      '[scope]',
      `${only} = TRUE`,
    ]
    const crls = [
      await authority.crl({ extensions: scopeOf('onlyCA') }),
      await new RevocationAuthority(directory, authority.issued).crl({ extensions: scopeOf('onlyuser') }),
    ] as const
    server.on('/first.crl', () => crls[1])
    server.on('/second.crl', () => crls[0])
    const chain = [user.certificate, below.certificate, ...certificates.slice(1)]
    const { service, until } = watchChain(certificates)
    t.teardown(() => service.stop())
    service.watch([certificates, chain])
    t.ok((await until(complete)).crls.some((crl) => crl.equals(crls[1])))
    await until(() => service.information(chain).revoked !== undefined)
    t.match(service.information(chain).revoked, { subject: 'CN=below', reason: 'CA compromise' })
    const file = join(directory, 'crls.pem')
    writeFileSync(file, crls.map((crl) => encodePem('X509 CRL', crl)).join(''))
    const trusted = ['verify', '-partial_chain', '-trusted', authority.issued.certificateFile]
    openssl(...trusted, '-crl_check', '-CRLfile', file, leaf.certificateFile)
    t.throws(() => openssl(...trusted, '-crl_check', '-CRLfile', file, below.certificateFile), /revoked/)
  },
)

t.test('an entry in the CRL of another distribution point counts', async (t) => {
  const { watch, leaf, authority, server } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at)
  server.on('/ocsp', () => Buffer.from('30030a0103', 'hex'))
  const extensions = [
    'issuingDistributionPoint = critical, @scope',
    '[scope]',
    'fullname = URI:http://other.example/',
  ]
  server.on('/authority.crl', () => authority.crl({ extensions }))
  const { revoked, complete } = await watch(QUICK).until(({ revoked }) => revoked !== undefined)
  t.strictSame(revoked, { subject: 'CN=leaf', at, reason: 'unspecified' })
  t.notOk(complete)
})

t.test('callers are told neither addresses nor what came from there', async (t) => {
  const { watch, server, certificates } = await setUp(t)
  server.on('/ocsp', () => undefined)
  server.on('/root.crl', (_, response) => {
    response.statusCode = 500
    return Buffer.alloc(0)
  })
  const { service, until } = watch(QUICK)
  await until(({ problems }) => problems.some((problem) => problem.includes('500')))
  const { problems, publicProblems } = service.information(certificates)
  t.match(problems.join(), /127\.0\.0\.1.*500/)
  t.strictSame(publicProblems, ['CN=leaf: nobody has answered yet', 'CN=authority: no answer that counts'])
})

t.test('an answer that is older than the one before is not taken', async (t) => {
  const { watch, server, root, certificates } = await setUp(t)
  const old = await root.crl({ thisUpdate: new Date(Date.now() - 2 * DAY_MS) })
  const newer = await root.crl()
  server.on('/root.crl', () =>
    server.asked.filter((path) => path === '/root.crl').length === 1 ? newer : old,
  )
  const { until, messages, service } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  await until(complete)
  while (messages.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.strictSame(messages, [
    'No revocation information from the CRL of CN=root: it is older than what came before',
  ])
  t.ok(service.information(certificates).crls[0]?.equals(newer))
})

t.test('an older one is taken once that has ended, as from another server of the same address', async (t) => {
  const { watch, server, root, certificates } = await setUp(t)
  const short = await root.crl({ thisUpdate: new Date(), nextUpdate: new Date(Date.now() + 2_000) })
  const long = await root.crl({ thisUpdate: new Date(Date.now() - DAY_MS) })
  server.on('/root.crl', () =>
    server.asked.filter((path) => path === '/root.crl').length === 1 ? short : long,
  )
  const { until, service } = watch({ ...QUICK, refreshMs: { least: 10, most: 10 } })
  const { crls } = await until(() => service.information(certificates).crls.some((crl) => crl.equals(long)))
  t.notOk(crls.some((crl) => crl.equals(short)))
})

t.test('chains share authorities, and what is watched can change', async (t) => {
  const { watch, server, authority, leaf, certificates, directory } = await setUp(t)
  const second = issue(directory, {
    subject: '/CN=second',
    issuer: authority.issued,
    extension: crlAt(`${server.url}/authority.crl`),
  })
  const third = issue(directory, {
    subject: '/CN=third',
    issuer: authority.issued,
    extension: crlAt(`${server.url}/authority.crl`),
  })
  const { until, service } = watch()
  await until(complete)
  const above = certificates.slice(1)
  const chainOf = (one: typeof leaf) => [one.certificate, ...above]
  const reached = async (chain: typeof certificates) => {
    while (!service.information(chain).complete) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  service.watch([certificates, chainOf(second)])
  await reached(chainOf(second))
  service.watch([chainOf(second), chainOf(third)])
  t.strictSame(service.information(chainOf(third)).problems, [
    'CN=third: it was not looked for in the CRL yet',
  ])
  await reached(chainOf(third))
  t.ok(service.information(chainOf(second)).complete)
  t.strictSame(service.information(certificates).problems, ['CN=leaf: nobody is asked about it'])
  t.strictSame(server.asked.toSorted(), ['/authority.crl', '/authority.crl', '/dead', '/ocsp', '/root.crl'])
  t.equal(service.information(chainOf(third)).crls.length, 2)
})

t.test(
  'those who are new while a CRL is got do not end that, and it is got once more for all of them',
  async (t) => {
    const { watch, server, authority, certificates, directory } = await setUp(t)
    const news = ['second', 'third', 'fourth'].map((name) => {
      const options = { issuer: authority.issued, extension: crlAt(`${server.url}/authority.crl`) }
      const { certificate } = issue(directory, { subject: `/CN=${name}`, ...options })
      return [certificate, ...certificates.slice(1)]
    })
    const asked = () => server.asked.filter((path) => path === '/authority.crl').length
    const reached = async (condition: () => boolean) => {
      while (!condition()) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    const { service } = watch()
    let answer = () => {}
    server.on('/authority.crl', async () => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return authority.crl()
    })
    service.watch([certificates, ...news.slice(0, 1)])
    await reached(() => asked() === 1)
    for (let count = 2; count <= news.length; count++) {
      service.watch([certificates, ...news.slice(0, count)])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    server.on('/authority.crl', () => authority.crl())
    answer()
    await reached(() => news.every((chain) => service.information(chain).complete))
    t.equal(asked(), 2)
  },
)

t.test('a revocation counts on where the certificate of the authority is renewed', async (t) => {
  const { watch, leaf, authority, root, server, certificates, directory } = await setUp(t)
  const at = new Date('2026-01-02T03:04:05Z')
  authority.revoke(leaf.certificate, at)
  const { service, until } = watch(QUICK)
  await until(({ revoked }) => revoked !== undefined)
  server.on('/ocsp', () => undefined)
  server.on('/authority.crl', () => undefined)
  const renewed = issue(directory, {
    ...{ subject: '/CN=authority', issuer: root.issued, ca: true, keyFile: authority.issued.keyFile },
    extension: crlAt(`${server.url}/root.crl`),
  })
  const chain = [leaf.certificate, renewed.certificate, ...certificates.slice(2)]
  service.watch([chain])
  t.match(service.revoked(chain), { subject: 'CN=leaf', at })
  service.watch([certificates])
  service.watch([chain])
  t.match(service.revoked(chain), { subject: 'CN=leaf', at })

  t.test('until a later answer lifts it', async (t) => {
    authority.know(leaf.certificate)
    server.on('/ocsp', (request) => authority.respond(request))
    while (service.revoked(chain) !== undefined) {
      service.renew()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    service.watch([certificates])
    t.equal(service.revoked(certificates), undefined, 'then it is not told any more')
  })
})

t.test(
  'a CRL that an authority signed with another key than that of its certificates revokes, and shows nobody to be good',
  async (t) => {
    const { server, authority, root, leaf, directory } = await setUpCrls(t)
    const at = new Date('2026-01-02T03:04:05Z')
    const subject = { subject: '/CN=authority', ca: true }
    const renewed = issue(directory, { ...subject, issuer: root.issued })
    const stranger = issue(directory, {
      ...subject,
      issuer: issue(directory, { subject: '/CN=root', ca: true }),
    })
    /**
     * Returns what is known with the CRL of a certificate of the name of the issuer, and with certificates in files.
     *
     * @param path as it is watched, leaf first
     * @param anchor root that openssl trusts
     */
    const watch = async (
      signer: Issued,
      isRevoked: boolean,
      others: readonly Issued[],
      path: readonly [Issued, ...Issued[]] = [leaf, authority.issued, root.issued],
      anchor = root.issued,
    ) => {
      const revoking = new RevocationAuthority(directory, signer)
      if (isRevoked) {
        revoking.revoke(path[0].certificate, at)
      }
      const crl = await revoking.crl({ extensions: ['authorityKeyIdentifier = keyid'] })
      server.on('/first.crl', () => crl)
      server.on('/second.crl', () => crl)
      const verdict = judgeExtended(directory, {
        crl,
        leaf: path[0],
        root: anchor,
        others: [authority.issued, ...others],
      })
      const chain = path.map(({ certificate }) => certificate)
      const { service, until } = watchChain(chain, QUICK)
      t.teardown(() => service.stop())
      const unknown = ['1.2.3.4', Buffer.from('0500', 'hex')] as const
      const twice = extensionsOf(3, unknown, unknown)
      const malformed = reissue(path[0], authority.issued, { [CERTIFICATE.extensions]: twice })
      service.watch([chain], [[malformed, ...others].map(({ certificate }) => certificate)])
      const { revoked } = await until(
        ({ revoked, problems }) =>
          revoked !== undefined || problems.some((one) => one.includes('another key')),
      )
      return { verdict, revoked }
    }
    const revoked = { subject: 'CN=leaf', at, reason: 'unspecified' }
    t.match(await watch(renewed, true, [renewed]), { verdict: /certificate revoked/, revoked })
    t.match(await watch(renewed, false, [renewed]), { verdict: /: OK/, revoked: undefined })
    t.match(await watch(renewed, true, []), { verdict: /unable to get certificate CRL/, revoked: undefined })
    for (const ca of [[], ['basicConstraints = critical, CA:TRUE']]) {
      const forCrls = issue(directory, {
        ...{ subject: '/CN=authority', issuer: root.issued },
        extensions: [...ca, 'keyUsage = critical, cRLSign', 'subjectKeyIdentifier = hash'],
      })
      t.match(await watch(forCrls, true, [forCrls]), { verdict: /certificate revoked/, revoked })
      t.match(await watch(forCrls, false, [forCrls]), { verdict: /: OK/, revoked: undefined })
    }
    t.match(await watch(stranger, true, [stranger]), { verdict: /CRL path validation/, revoked: undefined })

    t.test('where the files have no root', async (t) => {
      const path = [leaf, authority.issued] as const
      t.match(await watch(renewed, true, [renewed], path), { verdict: /certificate revoked/, revoked })
      t.match(await watch(renewed, false, [renewed], path), { verdict: /: OK/, revoked: undefined })
      const other = issue(directory, {
        ...subject,
        issuer: issue(directory, { subject: '/CN=other', ca: true }),
      })
      t.match(await watch(other, true, [other], path), { verdict: /CRL path validation/, revoked: undefined })
    })

    t.test('of a root whose new key has certified the former one', async (t) => {
      const name = { subject: '/CN=renewed root', ca: true }
      const [former, latter] = [issue(directory, name), issue(directory, name)]
      const oldWithNew = issue(directory, { ...name, issuer: latter, keyFile: former.keyFile })
      const path = [
        issue(directory, { subject: '/CN=leaf', issuer: former, extension: server.extension }),
        former,
      ] as const
      const link = [latter, oldWithNew]
      t.match(await watch(latter, true, link, path, latter), { verdict: /certificate revoked/, revoked })
      t.match(await watch(latter, false, link, path, latter), { verdict: /: OK/, revoked: undefined })
      t.match(await watch(latter, true, [latter], path, former), {
        ...{ verdict: /CRL path validation/, revoked: undefined },
      })
    })
  },
)

t.test('a CRL that was not needed for a while is got again for those who are new', async (t) => {
  const { watch, server, authority, certificates, directory } = await setUp(t)
  let works = false
  server.on('/ocsp', (request) => (works ? authority.respond(request) : Buffer.from('30030a0103', 'hex')))
  const { until, service } = watch(QUICK)
  await until(complete)
  works = true
  await until(({ ocspResponses }) => ocspResponses.length === 1)
  const { certificate } = issue(directory, {
    subject: '/CN=second',
    issuer: authority.issued,
    extension: crlAt(`${server.url}/authority.crl`),
  })
  const second = [certificate, ...certificates.slice(1)]
  service.watch([certificates, second])
  while (!service.information(second).complete) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
})

t.test('chains about which nobody can be asked', async (t) => {
  const directory = t.testdir()
  const root = issue(directory, { subject: '/CN=root', ca: true })
  const leaf = issue(directory, { subject: '/CN=leaf', issuer: root })
  const { service, messages }: WatchedChain = watchChain([leaf.certificate, root.certificate])
  t.teardown(() => service.stop())
  t.strictSame(service.information([leaf.certificate, root.certificate]), {
    ocspResponses: [],
    crls: [],
    ...{ revoked: undefined, nextUpdate: undefined, answeredAt: undefined },
    complete: false,
    problems: ['CN=leaf: it names neither an OCSP responder nor a CRL that could be asked'],
    publicProblems: ['CN=leaf: it names neither an OCSP responder nor a CRL that could be asked'],
  })
  t.strictSame(service.information([leaf.certificate]).problems, [
    'CN=leaf: the certificate of its issuer is not known',
  ])
  t.strictSame(service.information([root.certificate]), {
    ocspResponses: [],
    crls: [],
    ...{ revoked: undefined, nextUpdate: undefined, answeredAt: undefined },
    complete: true,
    problems: [],
    publicProblems: [],
  })
  t.strictSame(messages, [])
  service.watch([[withLongLength(leaf.certificate), root.certificate]])
  t.strictSame(messages, [
    'Nobody is asked whether CN=leaf was revoked: it is no DER: a length has more octets than it needs',
  ])
})

t.test('stopping ends what is under way', async (t) => {
  const { watch, server, certificates } = await setUp(t)
  server.on('/ocsp', () => undefined)
  server.on('/root.crl', () => undefined)
  const { service, outcomes } = watch()
  while (!server.asked.includes('/ocsp') || !server.asked.includes('/root.crl')) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  service.stop()
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.strictSame(outcomes.toSorted(), ['crl unavailable', 'ocsp unavailable', 'ocsp unavailable'])
  const asked = server.asked.length
  service.watch([certificates])
  service.watch([])
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(server.asked.length, asked)
})
