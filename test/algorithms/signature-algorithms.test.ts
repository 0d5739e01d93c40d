import { execFileSync } from 'node:child_process'
import { constants, createHash, createPublicKey, randomBytes, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as pkijs from 'pkijs'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { RSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import type { SignatureAlgorithm } from '../../src/algorithms/signature-algorithm.ts'
import { chooseSignatureAlgorithm, SIGNATURE_ALGORITHMS } from '../../src/algorithms/signature-algorithms.ts'
import { generateKeyFile, openssl } from '../support/certificates.ts'
import { SoftwareKey } from '../support/software-key.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const data = randomBytes(1000)
writeFileSync(path('data'), data)

const key = (algorithm: string, option: string) =>
  new SoftwareKey(generateKeyFile(directory, ['-algorithm', algorithm, '-pkeyopt', option]))
const rsa = key('RSA', 'rsa_keygen_bits:2048')
const odd = key('RSA', 'rsa_keygen_bits:2041')
const pss = key('RSA-PSS', 'rsa_keygen_bits:2048')
const [p256, p384, p521] = ['P-256', 'P-384', 'P-521'].map((curve) =>
  key('EC', `ec_paramgen_curve:${curve}`),
) as [SoftwareKey, SoftwareKey, SoftwareKey]

const CASES: readonly (readonly [SignatureAlgorithm, SoftwareKey, number, ...string[]])[] = [
  [RSA_PKCS1, rsa, 256],
  [RSA_PKCS1, odd, 256],
  [RSA_PSS, rsa, 256, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'],
  [RSA_PSS, odd, 256, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'],
  [RSA_PSS, pss, 256, '-sigopt', 'rsa_pss_saltlen:digest'],
  [ECDSA, p256, 64],
  [ECDSA, p384, 96],
  [ECDSA, p521, 132],
]

/** What is signed, of `message`. */
function signedOf(hash: HashAlgorithm, message: Uint8Array = data) {
  return { digest: createHash(hash.nodeName).update(message).digest(), message }
}

function signWith(algorithm: SignatureAlgorithm, key: SoftwareKey, hash: HashAlgorithm): Buffer {
  const input = algorithm.tokenInput(hash, signedOf(hash).digest, key.publicKey)
  return key.sign(algorithm.mechanism(hash), input)
}

t.test('what a token signs, OpenSSL verifies, and so do we', async (t) => {
  for (const [algorithm, key, length, ...options] of CASES) {
    for (const hash of HASH_ALGORITHMS) {
      const signature = signWith(algorithm, key, hash)
      const name = `${algorithm.name}, ${length} bytes, ${hash.name}`
      t.equal(signature.length, length)
      t.ok(algorithm.verify(key.publicKey, hash, signedOf(hash), signature), name)
      writeFileSync(path('signature'), algorithm.encode(signature))
      const verify = [
        'dgst',
        `-${hash.nodeName}`,
        '-verify',
        key.publicKeyFile,
        '-signature',
        path('signature'),
      ]
      t.equal(openssl(...verify, ...options, path('data')), 'Verified OK\n', name)
    }
  }
})

t.test('a signature is refused', async (t) => {
  const [sha256, sha384] = ['sha256', 'sha384'].map((name) =>
    HASH_ALGORITHMS.find((hash) => hash.name === name),
  ) as [HashAlgorithm, HashAlgorithm]
  for (const [algorithm, key] of CASES) {
    const signature = signWith(algorithm, key, sha256)
    const verify = (bytes: Uint8Array, publicKey = key.publicKey, hash = sha256, message = data) =>
      algorithm.verify(publicKey, hash, signedOf(hash, message), bytes)
    t.test(`${algorithm.name}, ${signature.length} bytes`, async (t) => {
      t.ok(verify(signature), 'not as it is')
      for (const position of [0, 1, 40, signature.length - 1]) {
        const flipped = Buffer.from(signature)
        flipped.writeUInt8(flipped.readUInt8(position) ^ 1, position)
        t.notOk(verify(flipped), `with a bit flipped in byte ${position}`)
      }
      const zero = Buffer.alloc(1)
      t.notOk(verify(signature.subarray(1)), 'without its first byte')
      t.notOk(verify(signature.subarray(0, -1)), 'without its last byte')
      t.notOk(verify(Buffer.concat([zero, signature])), 'with a byte before it')
      t.notOk(verify(Buffer.concat([signature, zero])), 'with a byte after it')
      t.notOk(verify(Buffer.alloc(0)), 'that is empty')
      t.notOk(verify(Buffer.alloc(signature.length)), 'of zeros')
      t.notOk(verify(signature, key.publicKey, sha384), 'over another hash')
      t.notOk(verify(signature, key.publicKey, sha256, Buffer.from('other')), 'over another message')
      for (const other of [rsa, pss, p256, p384]) {
        if (other !== key) {
          t.notOk(verify(signature, other.publicKey), `by a key of type ${other.publicKey.asymmetricKeyType}`)
          t.notOk(verify(Buffer.alloc(0), other.publicKey), 'that is empty, by another key')
        }
      }
    })
  }
})

t.test('ECDSA as DER, which is not what a token returns', async (t) => {
  const [hash] = HASH_ALGORITHMS as [HashAlgorithm]
  const encoded = ECDSA.encode(signWith(ECDSA, p256, hash))
  t.notOk(ECDSA.verify(p256.publicKey, hash, signedOf(hash), encoded))
})

t.test('a salt of another length than the digest is refused, and another hash for the mask', async (t) => {
  const [sha1, , sha256] = HASH_ALGORITHMS as [HashAlgorithm, HashAlgorithm, HashAlgorithm]
  for (const [saltLength, right] of [
    [32, true],
    [0, false],
    [31, false],
    [33, false],
    [constants.RSA_PSS_SALTLEN_MAX_SIGN, false],
  ] as const) {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    const signature = sign('sha256', data, { key: readFileSync(rsa.keyFile), padding, saltLength })
    t.equal(RSA_PSS.verify(rsa.publicKey, sha256, signedOf(sha256), signature), right, `${saltLength}`)
  }
  const masked = rsa.signPss(signedOf(sha256).digest, sha256, sha1)
  t.notOk(RSA_PSS.verify(rsa.publicKey, sha256, signedOf(sha256), masked))
})

t.test('a key for PSS with certain parameters alone verifies nothing else', async (t) => {
  const [hash] = HASH_ALGORITHMS.filter(({ name }) => name === 'sha384') as [HashAlgorithm]
  const restricted = pkijs.PublicKeyInfo.fromBER(rsa.publicKey.export({ type: 'spki', format: 'der' }))
  restricted.algorithm = RSA_PSS.certificateIdentifier(hash)
  const key = Buffer.from(restricted.toSchema().toBER())
  const publicKey = createPublicKey({ key, type: 'spki', format: 'der' })
  for (const hash of HASH_ALGORITHMS) {
    const signature = signWith(RSA_PSS, rsa, hash)
    const right = hash.name === 'sha384'
    t.equal(RSA_PSS.verify(publicKey, hash, signedOf(hash), signature), right, hash.name)
  }
})

t.test('what needs the message says so where there is none', async (t) => {
  const [hash] = HASH_ALGORITHMS as [HashAlgorithm]
  const { digest } = signedOf(hash)
  const missing = { name: 'TypeError', message: 'this algorithm verifies messages, not digests' }
  t.throws(() => RSA_PSS.verify(rsa.publicKey, hash, { digest }, Buffer.alloc(256)), missing)
  t.throws(() => ECDSA.verify(p256.publicKey, hash, { digest }, Buffer.alloc(64)), missing)
  t.ok(RSA_PKCS1.verify(rsa.publicKey, hash, { digest }, signWith(RSA_PKCS1, rsa, hash)))
})

t.test('no algorithm has the token sign what is no digest', async (t) => {
  const [hash] = HASH_ALGORITHMS as [HashAlgorithm]
  for (const [algorithm, key] of CASES) {
    t.throws(() => algorithm.tokenInput(hash, Buffer.alloc(32), key.publicKey), {
      name: 'RangeError',
      message: 'sha160 digests have 20 bytes, not 32',
    })
  }
  const none = { name: 'TypeError', message: 'the key is on none of the curves that are supported' }
  t.throws(() => ECDSA.tokenInput(hash, Buffer.alloc(20), rsa.publicKey), none)
})

t.test('ECDSA signs no more of a digest than the order has bytes', async (t) => {
  for (const [key, lengths] of [
    [p256, [20, 28, 32, 32, 32]],
    [p384, [20, 28, 32, 48, 48]],
    [p521, [20, 28, 32, 48, 64]],
  ] as const) {
    const inputs = HASH_ALGORITHMS.map((hash) => ECDSA.tokenInput(hash, signedOf(hash).digest, key.publicKey))
    t.same(
      inputs.map(({ length }) => length),
      lengths,
    )
    t.ok(
      inputs.every(
        (input, index) => signedOf(HASH_ALGORITHMS[index] as HashAlgorithm).digest.indexOf(input) === 0,
      ),
    )
  }
})

t.test('r and s become integers as OpenSSL writes them, whatever zeros they begin with', async (t) => {
  for (const [r, s] of [
    ['01'.padEnd(64, '0'), 'ff'.repeat(32)],
    ['7f'.repeat(32), '80'.padStart(64, '0')],
    ['00ff'.padEnd(64, 'a'), '007f'.padEnd(64, 'b')],
    ['0'.repeat(63).concat('1'), '0'.repeat(61).concat('123')],
    ['0'.repeat(64), '0fff'.padEnd(64, '0')],
  ] as const) {
    writeFileSync(path('rs.cnf'), `asn1 = SEQUENCE:pair\n[pair]\nr = INTEGER:0x${r}\ns = INTEGER:0x${s}\n`)
    execFileSync('openssl', ['asn1parse', '-genconf', path('rs.cnf'), '-noout', '-out', path('rs.der')])
    t.same(Buffer.from(ECDSA.encode(Buffer.from(r + s, 'hex'))), readFileSync(path('rs.der')), `${r} ${s}`)
  }
})

t.test('the token is asked for what the algorithm is', async (t) => {
  const [hash] = HASH_ALGORITHMS as [HashAlgorithm]
  t.strictSame(
    SIGNATURE_ALGORITHMS.map((algorithm) => algorithm.mechanism(hash)),
    [
      { name: 'CKM_RSA_PKCS' },
      { name: 'CKM_RSA_PKCS_PSS', hash: 'sha160', saltLength: 20 },
      { name: 'CKM_ECDSA' },
    ],
  )
})

t.test('algorithms by their names and by keys', async (t) => {
  const names = ['rsassa-pkcs1-v1_5', 'rsassa-pss', undefined] as const
  t.same(
    names.map((name) => chooseSignatureAlgorithm(rsa.publicKey, name)),
    [RSA_PKCS1, RSA_PSS, RSA_PKCS1],
  )
  t.equal(chooseSignatureAlgorithm(p256.publicKey, 'ecdsa'), ECDSA)
  const keys = [rsa, pss, p256, p384, p521]
  t.same(
    keys.map(({ publicKey }) => chooseSignatureAlgorithm(publicKey)),
    [RSA_PKCS1, RSA_PSS, ECDSA, ECDSA, ECDSA],
  )
  const edwards = createPublicKey(readFileSync(generateKeyFile(directory, ['-algorithm', 'ED25519'])))
  t.throws(() => chooseSignatureAlgorithm(edwards), {
    name: 'TypeError',
    message: 'keys of type ed25519 do not sign here',
  })
})
