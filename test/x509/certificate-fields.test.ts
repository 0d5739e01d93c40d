import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { issue } from '../support/certificates.ts'

t.test('extensions are read behind unique identifiers, which old authorities give', async (t) => {
  const { certificate } = issue(t.testdir(), { subject: '/CN=leaf' })
  const { extensions } = readCertificateFields(certificate)
  t.ok(extensions.size > 0)
  const [toBeSigned, ...rest] = new DerReader(certificate.raw).enter(TAG.sequence).elements()
  const fields = new DerReader(toBeSigned as Buffer).enter(TAG.sequence).elements()
  const last = fields.pop() as Buffer
  const identifiers = [1, 2].map((number) => encode(contextTag(number, 'primitive'), Buffer.of(0, 85)))
  for (const some of [identifiers, identifiers.slice(0, 1), identifiers.slice(1)]) {
    const raw = encode(TAG.sequence, encode(TAG.sequence, ...fields, ...some, last), ...rest)
    t.equal(new X509Certificate(raw).subject, 'CN=leaf', 'OpenSSL takes it')
    t.same([...readCertificateFields({ raw }).extensions.keys()], [...extensions.keys()])
  }
})
