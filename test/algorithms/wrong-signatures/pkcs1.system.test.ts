import { createHash } from 'node:crypto'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../../src/algorithms/rsa-pkcs1.ts'
import { generateKeyFile } from '../../support/certificates.ts'
import type { Flaw } from '../../support/wrong-signatures/der-flaws.ts'
import { makeDigestInfo, withoutNull, wrongDigestInfos } from '../../support/wrong-signatures/digest-infos.ts'
import { forgeries } from '../../support/wrong-signatures/low-exponent.ts'
import { pad, wrongPaddings } from '../../support/wrong-signatures/pkcs1-paddings.ts'
import { RsaKey } from '../../support/wrong-signatures/rsa-key.ts'
import { wrongRsaNumbers } from '../../support/wrong-signatures/rsa-numbers.ts'
import {
  foreignTakes,
  opensslTakes,
  ownTakes,
  type Signed,
} from '../../support/wrong-signatures/verifiers.ts'

const directory = t.testdir()

/** Of as many primes as OpenSSL has: it signs several times as fast, and who verifies sees no difference. */
function generate(bits: number, exponent = 65537): RsaKey {
  const primes = bits < 4096 ? 3 : 4
  const options = [`rsa_keygen_bits:${bits}`, `rsa_keygen_pubexp:${exponent}`, `rsa_keygen_primes:${primes}`]
  const args = options.flatMap((option) => ['-pkeyopt', option])
  return new RsaKey(generateKeyFile(directory, ['-algorithm', 'RSA', ...args]))
}

/** By whom a signature is taken, of all that verify such here. */
function takers(signed: Signed, signature: Uint8Array): string[] {
  const { hash } = signed
  const foreign = [RSA_PKCS1.signerInfoIdentifier(hash), RSA_PKCS1.certificateIdentifier(hash)]
    .filter((identifier) => foreignTakes(identifier, signed, signature))
    .map(({ algorithmId }) => algorithmId)
  return ownTakes(RSA_PKCS1, signed, signature) ? ['own', ...foreign] : foreign
}

function takenOf(signed: Signed, wrong: readonly Flaw[]): string[] {
  return wrong.flatMap(({ name, bytes }) => takers(signed, bytes).map((taker) => `${taker}: ${name}`))
}

const message = Buffer.from('the signed attributes')
// The modulus of the first does not fill its first byte
const keys = [2041, 2048, 3072, 4096].map((bits) => generate(bits))

for (const key of keys) {
  t.test(`RSA of ${key.bits} bits`, async (t) => {
    for (const hash of HASH_ALGORITHMS) {
      const signed = { publicKey: key.publicKey, hash, message }
      const digestInfo = makeDigestInfo(hash.nodeName, message)
      const right = key.sign(pad(key.size, digestInfo))
      t.equal(takers(signed, right).length, 3, `${hash.name}: what is right is taken by all`)
      t.ok(await opensslTakes(signed, right), 'and by OpenSSL')

      const sign = ({ name, bytes }: Flaw) => ({ name, bytes: key.sign(bytes) })
      const digestInfos = wrongDigestInfos(hash.nodeName, message).map(({ name, bytes }) => ({
        name,
        bytes: pad(key.size, bytes),
      }))
      const encoded = [...digestInfos, ...wrongPaddings(key.size, digestInfo)]
      t.strictSame(
        encoded.filter(({ bytes }) => bytes.length !== key.size || bytes.equals(pad(key.size, digestInfo))),
        [],
        'what is wrong is another encoded message',
      )
      const wrong = [...encoded.map(sign), ...wrongRsaNumbers(key, right)]
      t.equal(wrong.length, 256)
      t.strictSame(takenOf(signed, wrong), [])
    }
  })
}

t.test('a DigestInfo whose algorithm has no parameters is refused, in spite of what others do', async (t) => {
  for (const key of keys) {
    for (const hash of HASH_ALGORITHMS) {
      const signature = key.sign(pad(key.size, withoutNull(hash.nodeName, message)))
      t.strictSame(takers({ publicKey: key.publicKey, hash, message }, signature), [])
    }
  }
})

t.test('signatures that a low exponent lets anybody make', async (t) => {
  const { publicKey, size } = generate(3072, 3)
  for (const hash of HASH_ALGORITHMS) {
    const odd = Array.from({ length: 100 }, (_, number) => Buffer.from(`message ${number}`)).find((text) =>
      isOdd(createHash(hash.nodeName).update(text).digest()),
    )
    const forged = forgeries(size, hash.nodeName, odd as Buffer)
    t.equal(forged.length, 7)
    t.strictSame(takenOf({ publicKey, hash, message: odd as Buffer }, forged), [])
  }
})

function isOdd(digest: Buffer): boolean {
  return digest.readUInt8(digest.length - 1) % 2 === 1
}
