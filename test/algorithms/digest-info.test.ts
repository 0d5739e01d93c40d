import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { digest, findHashAlgorithm, HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { encodeDigestInfo } from '../../src/algorithms/rsa-pkcs1.ts'

const directory = t.testdir({ data: 'some data' })
const path = (name: string) => join(directory, name)
execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-out', path('key.pem')], { stdio: 'ignore' })

t.test('a DigestInfo is what OpenSSL puts into a signature', async (t) => {
  for (const algorithm of HASH_ALGORITHMS) {
    const { nodeName } = algorithm
    execFileSync('openssl', [
      'dgst',
      `-${nodeName}`,
      '-sign',
      path('key.pem'),
      '-out',
      path('sig'),
      path('data'),
    ])
    // Without a digest option verifyrecover gives back all that the padding holds
    const recover = ['pkeyutl', '-verifyrecover', '-inkey', path('key.pem'), '-in', path('sig')]
    const recovered = execFileSync('openssl', [...recover, '-pkeyopt', 'rsa_padding_mode:pkcs1'])
    const value = createHash(nodeName).update('some data').digest()
    t.same(encodeDigestInfo(algorithm, value), recovered, algorithm.name)
  }
})

t.test('a digest of another length is no digest of the algorithm', async (t) => {
  const sha256 = findHashAlgorithm('sha256')
  if (sha256 === undefined) throw new Error('no sha256')
  t.throws(() => encodeDigestInfo(sha256, Buffer.alloc(31)), {
    message: 'sha256 digests have 32 bytes, not 31',
  })
})

t.test('the digest of data is what openssl dgst prints', async (t) => {
  for (const size of [0, 1, 1_000_000]) {
    const data = Buffer.alloc(size, 'data')
    writeFileSync(path('data'), data)
    for (const algorithm of HASH_ALGORITHMS) {
      const expected = execFileSync('openssl', ['dgst', `-${algorithm.nodeName}`, '-binary', path('data')])
      t.same(digest(algorithm, data), expected, `${algorithm.name} of ${size} bytes`)
    }
  }
})
