import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { ContainerTemplate } from '../../src/cms/container-template.ts'
import type { SignatureType } from '../../src/cms/signed-attributes.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'
import { asn1Values, childrenOf } from '../support/validators/asn1-values.ts'

const { certificate } = issue(t.testdir(), { subject: '/CN=signer', key: RSA_2048 })
const sha256 = findHashAlgorithm('sha256') as HashAlgorithm
const template = new ContainerTemplate({
  certificates: [certificate.raw],
  algorithm: RSA_PKCS1,
  rsaSignatureIdentifier: 'rsaEncryption',
  statements: {},
})

/** The attributes as OpenSSL reads them. */
async function attributesOf(
  signingTime: string,
  type: SignatureType = 'cms',
  messageDigest = randomBytes(32),
) {
  const signedAttributes = template.signedAttributes({
    type,
    hashAlgorithm: sha256,
    messageDigest,
    signingTime: new Date(signingTime),
  })
  const values = await asn1Values(signedAttributes)
  const [set] = values
  return { values, attributes: set === undefined ? [] : childrenOf(values, set) }
}

async function encodedTime(signingTime: string): Promise<string | undefined> {
  const { values } = await attributesOf(signingTime)
  const time = values[values.findIndex(({ text }) => text.endsWith(':signingTime')) + 2]
  return time?.text.replace(/\s+/, ' ')
}

t.test('signing-time is UTCTime through 2049 and GeneralizedTime from 2050', async (t) => {
  t.equal(await encodedTime('2026-11-21T13:05:09.000Z'), 'UTCTIME :261121130509Z')
  t.equal(await encodedTime('2049-12-31T23:59:59.999Z'), 'UTCTIME :491231235959Z')
  t.equal(await encodedTime('2050-01-01T00:00:00.000Z'), 'GENERALIZEDTIME :20500101000000Z')
})

t.test('signing-time has no fractions of a second', async (t) => {
  t.equal(await encodedTime('2026-01-02T03:04:05.678Z'), 'UTCTIME :260102030405Z')
  t.equal(await encodedTime('2051-01-02T03:04:05.678Z'), 'GENERALIZEDTIME :20510102030405Z')
})

t.test('the attributes are in the order of a DER SET OF, whatever they hold', async (t) => {
  for (const type of ['cms', 'cades'] as const) {
    for (const length of [20, 28, 32, 48, 64]) {
      const { attributes } = await attributesOf('2026-01-02T03:04:05Z', type, randomBytes(length))
      const ders = attributes.map(({ der }) => der)
      t.equal(ders.length, type === 'cms' ? 5 : 4)
      t.same(ders, [...ders].sort(Buffer.compare), `${type}, a digest of ${length} bytes`)
    }
  }
})

t.test('signing-certificate-v2 holds the SHA-256 of the certificate and nothing else', async (t) => {
  const { values } = await attributesOf('2026-01-02T03:04:05Z', 'cades')
  const at = values.findIndex(({ text }) => text.endsWith(':id-smime-aa-signingCertificateV2'))
  const hash = createHash('sha256').update(certificate.raw).digest()
  // SET { SEQUENCE { SEQUENCE OF { ESSCertIDv2 { hash } } } }
  const expected = Buffer.concat([Buffer.from('31283026302430220420', 'hex'), hash])
  t.same(values[at + 1]?.der, expected)
})

t.test('CMS algorithm protection repeats the algorithms of the SignerInfo', async (t) => {
  const { values } = await attributesOf('2026-01-02T03:04:05Z', 'cades')
  const at = values.findIndex(({ text }) =>
    /:(1\.2\.840\.113549\.1\.9\.52|id-aa-CMSAlgorithmProtection)$/.test(text),
  )
  // SET { SEQUENCE { AlgorithmIdentifier, [1] IMPLICIT AlgorithmIdentifier } }
  const [digest, signature] = ['300b0609608648016503040201', 'a10d06092a864886f70d0101010500']
  t.equal(values[at + 1]?.der.toString('hex'), `311e301c${digest}${signature}`)
})
