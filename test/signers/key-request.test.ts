import { createPublicKey, type KeyObject } from 'node:crypto'
import t from 'tap'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import { checkKeyMatches } from '../../src/signers/key-request.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'

const directory = t.testdir()
const leaf = issue(directory, { subject: '/CN=Signer', key: RSA_2048 })
const other = issue(directory, { subject: '/CN=Other', key: RSA_2048 })

function encode(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

t.test('a key that the token does not show passes for the time being', async (t) => {
  const { publicKey } = leaf.certificate
  t.doesNotThrow(() => checkKeyMatches(publicKey, {}, VARIABLE_SETTINGS))
  t.throws(
    () => checkKeyMatches(publicKey, { publicKey: encode(other.certificate.publicKey) }, VARIABLE_SETTINGS),
    {
      name: 'ConfigurationError',
    },
  )
})

t.test('a certificate for PSS alone is that of the RSA key with its numbers', async (t) => {
  const key = ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048']
  const { publicKey } = issue(directory, { subject: '/CN=Signer', key }).certificate
  const certified = encode(publicKey)
  // RSAPublicKey of 2048 bits (RFC 8017 A.1.1)
  const numbers = certified.subarray(certified.indexOf(Buffer.from('3082010a', 'hex')))
  const onToken = createPublicKey({ key: numbers, type: 'pkcs1', format: 'der' })
  t.equal(onToken.asymmetricKeyType, 'rsa')
  t.doesNotThrow(() => checkKeyMatches(publicKey, { publicKey: encode(onToken) }, VARIABLE_SETTINGS))
})
