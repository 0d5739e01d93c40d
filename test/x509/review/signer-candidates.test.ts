import t, { type Test } from 'tap'
import { bestFirst } from '../../../src/x509/review/signer-candidates.ts'
import { type Issued, type IssueOptions, issue, RSA_2048 } from '../../support/certificates.ts'

const HOUR_MS = 3_600_000

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const stranger = issue(directory, { subject: '/CN=Stranger', ca: true })
const { keyFile } = issue(directory, { subject: '/CN=Key', key: RSA_2048 })

/** A certificate of the key, valid from so many hours before now to so many after. */
function certify(subject: string, from: number, to: number, options: Partial<IssueOptions> = {}): Issued {
  const at = (hours: number) => new Date(Date.now() + hours * HOUR_MS)
  const period = { notBefore: at(from), notAfter: at(to) }
  return issue(directory, { subject: `/CN=${subject}`, keyFile, issuer: root, ...period, ...options })
}

/** The names of their subjects, best first, which do not depend on the order in which they were found. */
function sorted(t: Test, issued: readonly Issued[], issuers: readonly Issued[] = [root], days = 0): string[] {
  const certificates = issued.map(({ certificate }) => certificate)
  const caCertificates = issuers.map(({ certificate }) => certificate)
  const sort = (found: typeof certificates) =>
    bestFirst(found, caCertificates, days).map(({ subject }) => subject.slice('CN='.length))
  const names = sort(certificates)
  t.strictSame(sort(certificates.toReversed()), names)
  return names
}

const old = certify('old', -50, 50)
const renewed = certify('renewed', -40, 500)
const ofStranger = certify('of a stranger', -3, 500, { issuer: stranger })

t.test('the newest comes first', async (t) => {
  t.strictSame(sorted(t, [old, renewed]), ['renewed', 'old'])
})

t.test('those that are valid now come before the others', async (t) => {
  const expired = certify('expired', -30, -20)
  const future = certify('future', 20, 30)
  t.strictSame(sorted(t, [expired, old, future]), ['old', 'future', 'expired'])
})

t.test('so do those that are valid for long enough', async (t) => {
  const expired = certify('expired', -30, -20)
  t.strictSame(sorted(t, [old, renewed, expired], [root], 10), ['renewed', 'old', 'expired'])
  const short = certify('short', -1, 50)
  t.strictSame(sorted(t, [short, renewed], [root], 10), ['renewed', 'short'])
  t.strictSame(sorted(t, [short, renewed], [root], 1), ['short', 'renewed'])
})

t.test('so do those with valid issuers', async (t) => {
  const at = (hours: number) => new Date(Date.now() + hours * HOUR_MS)
  const ended = issue(directory, { subject: '/CN=Ended', ca: true, notBefore: at(-90), notAfter: at(-1) })
  const below = certify('below', -2, 500, { issuer: ended })
  t.strictSame(sorted(t, [below, old], [root, ended]), ['old', 'below'])
})

t.test('those that the review accepts come before those that it refuses, valid or not', async (t) => {
  const refused = [
    certify('authority', -1, 500, { ca: true }),
    certify('key agreement', -2, 500, { extensions: ['keyUsage=critical,keyAgreement'] }),
    certify('SHA-1', -3, 500, { hash: 'sha1' }),
  ]
  const expired = certify('expired', -30, -20)
  t.strictSame(sorted(t, [...refused, expired, old]), [
    'old',
    'expired',
    'authority',
    'key agreement',
    'SHA-1',
  ])
})

t.test('of valid ones those for documents come before those for TLS servers', async (t) => {
  const server = certify('server', -1, 500, { extensions: ['extendedKeyUsage = serverAuth'] })
  t.strictSame(sorted(t, [server, old]), ['old', 'server'])
  t.strictSame(sorted(t, [server, certify('expired', -30, -20)]), ['server', 'expired'])
})

t.test('those whose chain is complete come before others, and before self-signed ones', async (t) => {
  const period = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + 500 * HOUR_MS) }
  const selfSigned = issue(directory, { subject: '/CN=self-signed', keyFile, ...period })
  const all = [selfSigned, ofStranger, renewed]
  t.strictSame(sorted(t, all), ['renewed', 'of a stranger', 'self-signed'])
  t.strictSame(sorted(t, all, [root, selfSigned]), ['renewed', 'of a stranger', 'self-signed'])
  t.strictSame(sorted(t, all, [stranger]), ['of a stranger', 'renewed', 'self-signed'])
  const middle = issue(directory, { subject: '/CN=Middle', ca: true, issuer: stranger })
  const below = certify('below', -1, 500, { issuer: middle })
  t.strictSame(sorted(t, [below, renewed], [root, middle]), ['renewed', 'below'])
  t.strictSame(sorted(t, all, []), ['of a stranger', 'renewed', 'self-signed'], 'none is complete')
  const later = certify('later', 0, 500, { issuer: stranger })
  t.strictSame(sorted(t, [below, later], [middle]), ['below', 'later'], 'one has an issuer')
})

t.test('two that began at the same time', async (t) => {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000 - HOUR_MS)
  const twins = ['one', 'two'].map((name) => certify(name, 0, 500, { notBefore }))
  t.equal(sorted(t, twins).length, 2)
})
