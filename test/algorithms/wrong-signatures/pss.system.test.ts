import { randomBytes } from 'node:crypto'
import t from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { RSA_PSS } from '../../../src/algorithms/rsa-pss.ts'
import { generateKeyFile } from '../../support/certificates.ts'
import type { Flaw } from '../../support/wrong-signatures/der-flaws.ts'
import { encodePss } from '../../support/wrong-signatures/pss-encodings.ts'
import { RsaKey } from '../../support/wrong-signatures/rsa-key.ts'
import { wrongRsaNumbers } from '../../support/wrong-signatures/rsa-numbers.ts'
import {
  foreignTakes,
  opensslTakes,
  ownTakes,
  pssIdentifier,
  type Signed,
} from '../../support/wrong-signatures/verifiers.ts'
import { wrongPssEncodings } from '../../support/wrong-signatures/wrong-pss-encodings.ts'

const directory = t.testdir()
const message = Buffer.from('the signed attributes')
// Of the first the encoded message is a byte shorter than the modulus, which does not fill its own first byte
const keys = [2041, 2048, 3072, 4096].map(
  (bits) =>
    new RsaKey(generateKeyFile(directory, ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`])),
)

/** By whom a signature is taken, of all that verify such here. */
function takers(signed: Signed, signature: Uint8Array, saltLength = signed.hash.digestLength): string[] {
  const foreign = foreignTakes(pssIdentifier(signed.hash, saltLength), signed, signature) ? ['foreign'] : []
  return ownTakes(RSA_PSS, signed, signature) ? ['own', ...foreign] : foreign
}

function opensslTakesPss(signed: Signed, signature: Uint8Array, saltLength: number): Promise<boolean> {
  return opensslTakes(signed, signature, 'rsa_padding_mode:pss', `rsa_pss_saltlen:${saltLength}`)
}

for (const key of keys) {
  t.test(`RSA of ${key.bits} bits`, async (t) => {
    for (const hash of HASH_ALGORITHMS) {
      const signed = { publicKey: key.publicKey, hash, message }
      const { digestLength: length, nodeName } = hash
      const right = { hash: nodeName, message, salt: randomBytes(length) }
      const signature = key.sign(encodePss(key, right))
      for (const salt of [right.salt, Buffer.alloc(length), Buffer.alloc(length, 255)]) {
        const other = key.sign(encodePss(key, { ...right, salt }))
        t.strictSame(takers(signed, other), ['own', 'foreign'], `${nodeName}: what is right is taken by all`)
        t.ok(await opensslTakesPss(signed, other, length), 'and by OpenSSL')
      }

      const encodings = wrongPssEncodings(key, right)
      const encoded = encodings.map(({ name, number }): Flaw => ({ name, bytes: key.sign(number) }))
      const wrong = [...encoded, ...wrongRsaNumbers(key, signature)]
      t.equal(wrong.length, 76)
      t.strictSame(
        wrong.flatMap(({ name, bytes }) => takers(signed, bytes).map((taker) => `${taker}: ${name}`)),
        [],
      )
    }
  })
}

t.test('a signature that begins with a zero has to begin with it', async (t) => {
  const [key, hash] = [keys[0] as RsaKey, HASH_ALGORITHMS[2] as HashAlgorithm]
  const signed = { publicKey: key.publicKey, hash, message }
  const sign = (): Buffer => {
    const salt = randomBytes(hash.digestLength)
    const signature = key.sign(encodePss(key, { hash: hash.nodeName, message, salt }))
    return signature.readUInt8(0) === 0 ? signature : sign()
  }
  const signature = sign()
  t.strictSame(takers(signed, signature), ['own', 'foreign'])
  t.strictSame(takers(signed, signature.subarray(1)), [])
})

t.test('the salt has the length that is told, and of our own signatures that of the digest', async (t) => {
  for (const key of keys) {
    for (const hash of HASH_ALGORITHMS) {
      const signed = { publicKey: key.publicKey, hash, message }
      const { digestLength, nodeName } = hash
      const longest = Math.ceil((key.bits - 1) / 8) - digestLength - 2
      const lengths = [0, 1, digestLength - 1, digestLength, digestLength + 1, longest]
      for (const length of lengths) {
        const salt = randomBytes(length)
        const signature = key.sign(encodePss(key, { hash: nodeName, message, salt }))
        const name = `${key.bits} bits, ${nodeName}, ${length} bytes`
        t.ok(await opensslTakesPss(signed, signature, length), `${name}: right for OpenSSL`)
        t.strictSame(
          lengths.map((told) => takers(signed, signature, told).join()),
          lengths.map((told) =>
            [...(length === digestLength ? ['own'] : []), ...(told === length ? ['foreign'] : [])].join(),
          ),
          name,
        )
      }
    }
  }
})
