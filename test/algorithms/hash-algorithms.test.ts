import { execFileSync } from 'node:child_process'
import t from 'tap'
import { findHashAlgorithm, HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'

t.test('every spelling that Document Engine and people use is found', async (t) => {
  const spellings = {
    sha160: ['sha160', 'SHA160', 'sha1', 'SHA1', 'SHA-1', 'sha-160'],
    sha224: ['sha224', 'SHA-224'],
    sha256: ['sha256', 'SHA256', 'SHA-256', 'sha-256', 'Sha256'],
    sha384: ['sha384', 'SHA-384'],
    sha512: ['sha512', 'SHA-512'],
  }
  for (const [name, all] of Object.entries(spellings)) {
    for (const spelling of all) {
      t.equal(findHashAlgorithm(spelling)?.name, name, spelling)
    }
  }
})

t.test('nothing else is', async (t) => {
  for (const name of [
    '',
    'md5',
    'sha',
    'sha2',
    'sha--256',
    'sha512/256',
    'sha3-256',
    ' sha256',
    'constructor',
  ]) {
    t.equal(findHashAlgorithm(name), undefined, name)
  }
})

t.test('object identifiers and digest lengths are those of OpenSSL', async (t) => {
  const parse = (oid: string) =>
    execFileSync('openssl', ['asn1parse', '-genstr', `OID:${oid}`], { encoding: 'utf8' })
  for (const { nodeName, oid, digestLength } of HASH_ALGORITHMS) {
    t.equal(parse(oid), parse(nodeName), nodeName)
    const digest = execFileSync('openssl', ['dgst', `-${nodeName}`, '-binary', '/dev/null'])
    t.equal(digest.length, digestLength)
  }
})
