import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encodeDigestInfo, verifyDigestInfo } from '../../src/algorithms/rsa-pkcs1.ts'

const directory = t.testdir({ data: 'some data' })
const path = (name: string) => join(directory, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })

function makeKey(name: string, ...options: string[]) {
  openssl('genpkey', ...options, '-out', path(name))
  return createPublicKey(readFileSync(path(name)))
}

const sign = (key: string, hash = 'sha256') => openssl('dgst', `-${hash}`, '-sign', path(key), path('data'))
const digestInfo = (algorithm: HashAlgorithm, data = 'some data') =>
  encodeDigestInfo(algorithm, createHash(algorithm.nodeName).update(data).digest())

const key = makeKey('key.pem', '-algorithm', 'RSA')
const SHA256 = HASH_ALGORITHMS.find(({ name }) => name === 'sha256') as HashAlgorithm
const SHA512 = HASH_ALGORITHMS.find(({ name }) => name === 'sha512') as HashAlgorithm

t.test('what OpenSSL signs verifies', async (t) => {
  for (const algorithm of HASH_ALGORITHMS) {
    const signature = sign('key.pem', algorithm.nodeName)
    t.ok(verifyDigestInfo(key, digestInfo(algorithm), signature), algorithm.name)
  }
})

t.test('a key whose modulus does not fill its last byte verifies', async (t) => {
  const odd = makeKey('odd.pem', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2041')
  const signature = sign('odd.pem')
  t.equal(signature.length, 256)
  t.ok(verifyDigestInfo(odd, digestInfo(SHA256), signature))
})

t.test('a signature is refused', async (t) => {
  const signature = sign('key.pem')
  const expected = digestInfo(SHA256)
  t.ok(verifyDigestInfo(key, expected, signature), 'not as it is')

  t.test('of another key', async (t) => {
    makeKey('other.pem', '-algorithm', 'RSA')
    t.notOk(verifyDigestInfo(key, expected, sign('other.pem')))
  })
  t.test('with one bit flipped, wherever it is', async (t) => {
    for (const position of [0, 1, 100, 255]) {
      const flipped = Buffer.from(signature)
      flipped[position] = (flipped[position] ?? 0) ^ 1
      t.notOk(verifyDigestInfo(key, expected, flipped))
    }
  })
  t.test('that is too short, too long or empty', async (t) => {
    t.notOk(verifyDigestInfo(key, expected, signature.subarray(1)))
    t.notOk(verifyDigestInfo(key, expected, signature.subarray(0, 255)))
    t.notOk(verifyDigestInfo(key, expected, Buffer.concat([signature, Buffer.alloc(1)])))
    t.notOk(verifyDigestInfo(key, expected, Buffer.concat([Buffer.alloc(1), signature])))
    t.notOk(verifyDigestInfo(key, expected, Buffer.alloc(0)))
  })
  t.test('of other data', async (t) => {
    t.notOk(verifyDigestInfo(key, digestInfo(SHA256, 'other data'), signature))
  })
  t.test('with another hash algorithm', async (t) => {
    t.notOk(verifyDigestInfo(key, digestInfo(SHA512), signature))
    t.notOk(verifyDigestInfo(key, expected, sign('key.pem', 'sha512')))
  })
  t.test('of a bare digest without DigestInfo', async (t) => {
    const digest = expected.subarray(-32)
    const args = ['pkeyutl', '-sign', '-inkey', path('key.pem')]
    const bare = execFileSync('openssl', args, { input: digest })
    t.notOk(verifyDigestInfo(key, expected, bare))
    t.ok(verifyDigestInfo(key, digest, bare))
  })
  t.test('with the padding of RSASSA-PSS', async (t) => {
    const pss = ['-sigopt', 'rsa_padding_mode:pss']
    const signed = openssl('dgst', '-sha256', '-sign', path('key.pem'), ...pss, path('data'))
    t.notOk(verifyDigestInfo(key, expected, signed))
  })
  t.test('by a key that is not RSA', async (t) => {
    const curve = makeKey('ec.pem', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
    t.notOk(verifyDigestInfo(curve, expected, signature))
    t.notOk(verifyDigestInfo(curve, expected, Buffer.alloc(0)))
  })
})
