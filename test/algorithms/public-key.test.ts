import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { encodePublicKey } from '../../src/algorithms/public-key.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { issue } from '../support/certificates.ts'
import { algorithm, elementsOf, withCompressedPoint, withExplicitCurve } from '../support/resigned.ts'

t.test('an RSA key for PSS alone is that of the same numbers', async (t) => {
  const restricted = { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }
  for (const options of [{}, restricted]) {
    const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...options })
    const encoded = encodePublicKey(publicKey)
    const plain = createPublicKey({ key: encoded, type: 'spki', format: 'der' })
    t.equal(plain.asymmetricKeyType, 'rsa')
    // RFC 4055 1.2: both have an RSAPublicKey, which comes last
    const numbers = plain.export({ type: 'pkcs1', format: 'der' })
    t.same(publicKey.export({ type: 'spki', format: 'der' }).subarray(-numbers.length), numbers)
  }
})

t.test('other keys are as they are', async (t) => {
  for (const { publicKey } of [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ]) {
    t.same(encodePublicKey(publicKey), publicKey.export({ type: 'spki', format: 'der' }))
  }
})

t.test('a point is the same key whatever form it has', async (t) => {
  const directory = t.testdir()
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    const key = ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`]
    const issued = issue(directory, { subject: '/CN=Signer', key })
    const { publicKey } = issued.certificate
    for (const spki of [withCompressedPoint(issued), withExplicitCurve(issued)]) {
      t.notSame(spki, encodePublicKey(publicKey))
      const other = createPublicKey({ key: spki, type: 'spki', format: 'der' })
      t.same(encodePublicKey(other), encodePublicKey(publicKey), curve)
    }
  }
})

t.test('an RSA key whose algorithm has no parameters is that of the same numbers', async (t) => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const [, bits = Buffer.alloc(0)] = elementsOf(publicKey.export({ type: 'spki', format: 'der' }))
  const key = encode(TAG.sequence, algorithm('1.2.840.113549.1.1.1', 'absent'), bits)
  const other = createPublicKey({ key, type: 'spki', format: 'der' })
  t.same(encodePublicKey(other), encodePublicKey(publicKey))
})
