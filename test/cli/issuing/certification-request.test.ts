import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import t from 'tap'
import { ECDSA } from '../../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../../src/algorithms/rsa-pkcs1.ts'
import { RSA_PSS } from '../../../src/algorithms/rsa-pss.ts'
import type { SignatureAlgorithm } from '../../../src/algorithms/signature-algorithm.ts'
import { parseDistinguishedName } from '../../../src/cli/issuing/distinguished-name.ts'
import { createCertificationRequest } from '../../../src/cli/issuing/issuing.ts'
import { generateKeyFile, RSA_2048 } from '../../support/certificates.ts'
import { SoftwareKey } from '../../support/software-key.ts'

const directory = t.testdir()
const keyOf = (...options: string[]) => new SoftwareKey(generateKeyFile(directory, options))
const rsa = keyOf(...RSA_2048)
const curve = keyOf('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521')

function request(algorithm: SignatureAlgorithm, hash: HashAlgorithm, key: SoftwareKey): Promise<Buffer> {
  return createCertificationRequest(parseDistinguishedName('CN=Signer'), [], {
    publicKey: key.publicKey,
    hash,
    algorithm,
    sign: async (data) => {
      const digest = createHash(hash.nodeName).update(data).digest()
      const input = algorithm.tokenInput(hash, digest, key.publicKey)
      return algorithm.encode(key.sign(algorithm.mechanism(hash), input))
    },
  })
}

/** What openssl says after it has verified a request; it exits with 0 whether it has or not. */
function judge(input: Buffer): string {
  const args = ['-c', 'openssl req -inform DER -verify -noout -text 2>&1']
  return execFileSync('sh', args, { input, encoding: 'utf8' })
}

t.test('every algorithm makes requests that openssl verifies, and names it and the hash', async (t) => {
  const names = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']
  for (const [algorithm, key, describe] of [
    [RSA_PKCS1, rsa, (name: string) => `${name}WithRSAEncryption`],
    [
      RSA_PSS,
      rsa,
      (name: string) => `rsassaPss\n[^]* Hash Algorithm: ${name}( .*)?\n +Mask Algorithm: mgf1 with ${name}`,
    ],
    [ECDSA, curve, (name: string) => `ecdsa-with-${name.toUpperCase()}`],
  ] as const) {
    for (const [index, hash] of HASH_ALGORITHMS.entries()) {
      const text = judge(await request(algorithm, hash, key))
      t.match(text, /^(Certificate request self-signature )?verify OK$/im, `${algorithm.name}, ${hash.name}`)
      t.match(text, new RegExp(`Signature Algorithm: ${describe(`${names[index]}`)}\\b`))
    }
  }
})
