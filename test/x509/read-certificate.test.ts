import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { issue, RSA_2048, withEmptyTime, withLongLength, withUnknownKey } from '../support/certificates.ts'
import { CERTIFICATE, POINT_AT_INFINITY, resign } from '../support/resigned.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true, key: RSA_2048 })
const { certificate } = issue(directory, { subject: '/CN=Signer', issuer: root })

t.test('a certificate is read as it is', async (t) => {
  t.same(readCertificate(certificate.raw).raw, certificate.raw)
  t.equal(readCertificate(new Uint8Array(certificate.raw)).subject, 'CN=Signer')
})

t.test('what one OpenSSL reads and another does not is refused whichever Node.js has', async (t) => {
  const notTime = { message: /^it is no DER of this kind: "[^"]*" is not a time of RFC 5280 4\.1\.2\.5$/ }
  t.throws(() => readCertificate(withEmptyTime(certificate)), notTime)
  const [, notBefore = ''] = /(\d{12}Z)/.exec(certificate.raw.toString('latin1')) ?? []
  for (const [name, time] of [
    ['month 13', `26${'13'}${notBefore.slice(4)}`],
    ['an hour 24', `${notBefore.slice(0, 6)}25${notBefore.slice(8)}`],
    ['no time zone', notBefore.replace('Z', '0')],
  ] as const) {
    const raw = Buffer.from(certificate.raw)
    raw.write(time, raw.indexOf(notBefore), 'latin1')
    t.throws(() => readCertificate(raw), notTime, name)
  }
})

t.test('what is not DER throughout is refused, though OpenSSL reads it', async (t) => {
  const { raw } = withLongLength(certificate)
  t.equal(new X509Certificate(raw).subject, 'CN=Signer')
  t.throws(() => readCertificate(raw), { message: /^it is no DER: a length has more octets than it needs$/ })
})

t.test('the point at infinity is refused, at which Node.js 20 ends the process', async (t) => {
  const raw = resign(certificate.raw, root.keyFile, { [CERTIFICATE.key]: POINT_AT_INFINITY })
  t.equal(new X509Certificate(raw).publicKey.asymmetricKeyType, 'ec', 'OpenSSL reads it')
  t.throws(() => readCertificate(raw), { message: 'its public key is the point at infinity, which is none' })
  const unknown = withUnknownKey(issue(directory, { subject: '/CN=Signer', issuer: root }).certificate)
  t.same(readCertificate(unknown.raw).raw, unknown.raw, 'a key of an unknown kind may be in a bundle')
})

t.test('what is no certificate', async (t) => {
  const nested = (levels: number): Buffer =>
    levels === 0 ? encode(TAG.null) : encode(TAG.sequence, nested(levels - 1))
  const noCertificate = { message: 'it is not what RFC 5280 calls a certificate' }
  t.throws(() => readCertificate(nested(32)), noCertificate)
  t.throws(() => readCertificate(nested(33)), { message: /nested too deeply$/ })
  const deep = Buffer.concat([...Array(40).keys()].map(() => Buffer.from('3080', 'hex')))
  t.throws(() => readCertificate(deep), { message: /^it is no DER/ })
  const [toBeSigned = Buffer.alloc(0)] = new DerReader(certificate.raw).enter(TAG.sequence).elements()
  t.throws(() => readCertificate(encode(TAG.sequence, toBeSigned)), noCertificate, 'no signature')
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.concat([certificate.raw, Buffer.alloc(1)]),
    certificate.raw.subarray(1),
  ]) {
    t.throws(() => readCertificate(bytes), { message: /^it is no DER/ })
  }
})
