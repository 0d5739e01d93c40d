import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as asn1js from 'asn1js'
import t from 'tap'
import { digest } from '../support/document-engine/hash.ts'
import { HASH_ALGORITHMS, SIGNATURE_TYPES } from '../support/document-engine/signature-options.ts'
import { dataToBeSigned, signedAttributes } from '../support/document-engine/signed-attributes.ts'
import { asn1Parse } from '../support/validators/openssl.ts'
import { makeTestKeys } from './test-keys.ts'

const keys = await makeTestKeys(t.testdir())
const leafDigest = digest('sha256', new X509Certificate(await readFile(keys.leafCertificate)).raw)
const contentDigest = digest('sha512', Buffer.from('x'))
const signingTime = new Date('2030-02-03T04:05:06Z')

const attributesOf = (type: 'cms' | 'cades', date = signingTime) =>
  dataToBeSigned(signedAttributes({ type, contentDigest, leafDigest, signingTime: date }))

t.test('the attributes are a SET OF in DER order, whatever their lengths', async (t) => {
  for (const type of SIGNATURE_TYPES) {
    for (const hash of HASH_ALGORITHMS) {
      const contentDigest = digest(hash, Buffer.from(hash))
      const der = dataToBeSigned(signedAttributes({ type, contentDigest, leafDigest, signingTime }))
      const { result } = asn1js.fromBER(der)
      t.ok(result instanceof asn1js.Set)
      const encodings = (result as asn1js.Set).valueBlock.value.map((value) => Buffer.from(value.toBER()))
      t.same(encodings, encodings.toSorted(Buffer.compare), `${type} ${hash}`)
      t.equal(encodings.length, 3)
    }
  }
})

t.test('CAdES has the signing certificate and no signing time', async (t) => {
  const printed = await asn1Parse(attributesOf('cades'))
  t.match(printed, /:id-smime-aa-signingCertificateV2/)
  t.notMatch(printed, /:signingTime/)
})

t.test('CMS has the signing time, as UTCTime until 2049 and as GeneralizedTime after', async (t) => {
  t.match(await asn1Parse(attributesOf('cms')), /UTCTIME +:300203040506Z/)
  t.match(
    await asn1Parse(attributesOf('cms', new Date('2050-02-03T04:05:06Z'))),
    /GENERALIZEDTIME +:20500203040506Z/,
  )
  t.notMatch(await asn1Parse(attributesOf('cms')), /signingCertificate/)
})
