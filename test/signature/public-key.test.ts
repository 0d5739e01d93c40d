import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { encodePublicKey } from '../../src/signature/public-key.ts'

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
