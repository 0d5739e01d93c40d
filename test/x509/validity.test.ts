import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { TAG } from '../../src/asn1/tag.ts'
import { parseCertificates } from '../../src/x509/certificate-file.ts'
import { describeSubject, earliestNotAfter, findInvalidity, validityPeriod } from '../../src/x509/validity.ts'
import { issue, openssl, withLongLength } from '../support/certificates.ts'
import { attribute, CERTIFICATE, COMMON_NAME, nameOf, reissue, validityOf } from '../support/resigned.ts'

const directory = t.testdir()
const notBefore = new Date('2026-03-01T10:20:30Z')
const notAfter = new Date('2027-03-01T10:20:30Z')
const subject = '/O=Acme, Inc./CN=Jane Doe'
const signer = issue(directory, { subject, notBefore, notAfter })
const { certificate, certificateFile } = signer

t.test('a period is that of the certificate, which it names in one line', async (t) => {
  t.strictSame(validityPeriod(certificate), { subject: 'O=Acme\\, Inc., CN=Jane Doe', notBefore, notAfter })
  t.equal(validityPeriod(certificate), validityPeriod(certificate), 'which is read once')
})

t.test('dates after 2049, which are encoded differently, and the one that means no end', async (t) => {
  for (const end of ['2050-01-01T00:00:00Z', '9999-12-31T23:59:59Z']) {
    const issued = issue(directory, { subject: '/CN=Signer', notAfter: new Date(end) })
    t.strictSame(validityPeriod(issued.certificate).notAfter, new Date(end))
  }
})

t.test('a certificate without a subject is named by its serial number', async (t) => {
  const file = `${directory}/nobody.pem`
  openssl(
    'req',
    '-x509',
    '-key',
    issue(directory, { subject: '/CN=Key' }).keyFile,
    '-subj',
    '/',
    '-out',
    file,
  )
  const serial = openssl('x509', '-in', file, '-noout', '-serial').trim().replace('serial=', '')
  const [nobody] = parseCertificates(readFileSync(file)) as [X509Certificate]
  t.equal(validityPeriod(nobody).subject, `serial number ${serial}`)
})

t.test('a subject is readable whatever type of string it is, and steers no terminal', async (t) => {
  const { bmpString, teletexString, universalString, utf8String } = TAG
  for (const [tag, text, shown] of [
    [bmpString, 'Grün 中', 'CN=Grün 中'],
    [teletexString, 'Grün', 'CN=Grün'],
    [universalString, 'Grün 😀', 'CN=Grün 😀'],
    [utf8String, 'a\u{202e}b\n, CN=c', 'CN=ab\\0A\\, CN=c'],
    [utf8String, 'a\u{2028}b\u{2029}c\u{e000}', 'CN=abc'],
    [utf8String, '😀'.repeat(60_000 / 4), `CN=${'😀'.repeat(497)}…`],
  ] as const) {
    const named = reissue(signer, signer, {
      [CERTIFICATE.subject]: nameOf(attribute(COMMON_NAME, tag, text)),
    })
    t.equal(describeSubject(named.certificate), shown)
  }
})

function withPeriod(...times: readonly string[]) {
  return validityPeriod(reissue(signer, signer, { [CERTIFICATE.validity]: validityOf(...times) }).certificate)
}

t.test('times of both forms, whichever the year asks for', async (t) => {
  for (const [from, to] of [
    ['260102030405Z', '491231235959Z'],
    // RFC 5280 4.1.2.5 has issuers write UTCTime, and has this read
    ['20260102030405Z', '20491231235959Z'],
    ['260102030405Z', '99991231235959Z'],
  ] as const) {
    const { notBefore, notAfter, flaw } = withPeriod(from, to)
    t.equal(flaw, undefined)
    t.strictSame(notBefore, new Date('2026-01-02T03:04:05Z'))
    t.match(notAfter.toISOString(), /-12-31T23:59:59.000Z$/)
  }
})

t.test(
  'times that are none make it one that is never valid, and so does an end before the beginning',
  async (t) => {
    const notTime = (text: string) => `it is no DER of this kind: "${text}" is not a time of RFC 5280 4.1.2.5`
    for (const [from, to, flaw] of [
      ['251301000000Z', '491231235959Z', notTime('251301000000Z')],
      ['260102030405Z', '20500231000000Z', notTime('20500231000000Z')],
      ['260102030405+0000', '491231235959Z', notTime('260102030405+0000')],
      ['260102030405Z', '20500101000000.5Z', notTime('20500101000000.5Z')],
      [
        '260102030405Z',
        '260102030404Z',
        'its notBefore, 2026-01-02T03:04:05.000Z, is later than its notAfter, 2026-01-02T03:04:04.000Z',
      ],
    ] as const) {
      const period = withPeriod(from, to)
      t.equal(period.flaw, flaw)
      const never = `The certificate of O=Acme\\, Inc., CN=Jane Doe is never valid: ${flaw}; have it issued anew`
      for (const at of [0, Date.now(), Date.parse('2049-01-01')]) {
        t.equal(findInvalidity([period], new Date(at)), never)
      }
      t.doesNotThrow(() => earliestNotAfter([period]).toISOString())
    }
  },
)

t.test('a certificate that is not DER, though OpenSSL reads it, is never valid', async (t) => {
  t.match(validityPeriod(withLongLength(certificate)), { flaw: /^it is no DER/ })
})

t.test('both ends are inclusive, to the second', async (t) => {
  const at = (time: string) => findInvalidity([validityPeriod(certificate)], new Date(time))
  t.equal(
    at('2026-03-01T10:20:29.999Z'),
    'The certificate of O=Acme\\, Inc., CN=Jane Doe is not valid before 2026-03-01T10:20:30.000Z; check the clock, or wait',
  )
  t.equal(at('2026-03-01T10:20:30.000Z'), undefined)
  t.equal(at('2027-03-01T10:20:30.000Z'), undefined)
  t.equal(at('2027-03-01T10:20:30.999Z'), undefined)
  t.equal(
    at('2027-03-01T10:20:31.000Z'),
    'The certificate of O=Acme\\, Inc., CN=Jane Doe expired at 2027-03-01T10:20:30.000Z; renew it',
  )
})

t.test('the advice about a root that ends is not only to renew it, which nobody else can', async (t) => {
  const root = issue(directory, { subject: '/CN=Root', ca: true, notBefore, notAfter })
  const below = issue(directory, { subject: '/CN=Authority', ca: true, issuer: root, notBefore, notAfter })
  const at = new Date('2028-01-01T00:00:00Z')
  const endOf = (...chain: readonly (typeof root)[]) =>
    findInvalidity(
      chain.map((one) => validityPeriod(one.certificate)),
      at,
    )
  const valid = issue(directory, {
    subject: '/CN=Signer',
    issuer: below,
    notAfter: new Date('2029-01-01T00:00:00Z'),
  })
  t.match(
    `${endOf(valid, root)}`,
    /; renew it; or, if validators trust the certificate below it as a root by now, leave it out of the files$/,
  )
  t.match(`${endOf(valid, below, root)}`, /^The certificate of CN=Authority expired at [^;]*; renew it$/)
  t.match(`${endOf(root)}`, /^[^;]*; renew it$/, 'of a server, which OpenSSL makes a root by default')
})

t.test('openssl verify agrees, but for the last second', async (t) => {
  const verify = (time: string) => {
    const seconds = String(Date.parse(time) / 1000)
    openssl('verify', '-attime', seconds, '-check_ss_sig', '-trusted', certificateFile, certificateFile)
  }
  t.throws(() => verify('2026-03-01T10:20:29Z'), /certificate is not yet valid/)
  t.doesNotThrow(() => verify('2026-03-01T10:20:30Z'))
  // RFC 5280 4.1.2.5 includes the last second, OpenSSL does not
  t.doesNotThrow(() => verify('2027-03-01T10:20:29Z'))
  t.throws(() => verify('2027-03-01T10:20:31Z'), /certificate has expired/)
})

t.test(
  'of several certificates the first that is not valid is named, and the first end counts',
  async (t) => {
    const period = (name: string, from: string, to: string) => {
      return { subject: name, notBefore: new Date(from), notAfter: new Date(to) }
    }
    const periods = [
      period('leaf', '2026-01-01', '2028-01-01'),
      period('intermediate', '2025-01-01', '2027-01-01'),
      period('root', '2020-01-01', '2040-01-01'),
    ]
    t.equal(findInvalidity(periods, new Date('2026-06-01')), undefined)
    t.match(findInvalidity(periods, new Date('2025-06-01')), /^The certificate of leaf is not valid before/)
    t.match(findInvalidity(periods, new Date('2027-06-01')), /^The certificate of intermediate expired/)
    t.match(findInvalidity(periods, new Date('2045-01-01')), /^The certificate of leaf expired/)
    t.strictSame(earliestNotAfter(periods), new Date('2027-01-01'))
  },
)
