import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { findUnsupportedPss, readPssRestriction } from '../../src/algorithms/rsa-pss.ts'
import { generateKeyFile, rsaPss } from '../support/certificates.ts'

const directory = t.testdir()

function keyWith(...parameters: Parameters<typeof rsaPss>) {
  return createPublicKey(readFileSync(generateKeyFile(directory, rsaPss(...parameters))))
}

t.test('keys without parameters are not restricted', async (t) => {
  for (const key of [keyWith(), generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey]) {
    t.equal(readPssRestriction(key), undefined)
    t.equal(findUnsupportedPss(key), undefined)
  }
})

t.test('the hash and the salt that openssl was told', async (t) => {
  for (const [hash, name, saltLength] of [
    ['sha256', 'sha256', 32],
    ['sha512', 'sha512', 64],
    ['sha384', 'sha384', 0],
    ['sha1', 'sha160', 20],
  ] as const) {
    const key = keyWith(hash, saltLength)
    t.match(readPssRestriction(key), { hash: { name }, saltLength })
    t.equal(findUnsupportedPss(key), undefined)
  }
})

t.test('parameters that nothing can be signed with', async (t) => {
  for (const [key, told] of [
    [keyWith('sha512-256', 32), 'RSASSA-PSS parameters with the hash sha512-256'],
    [keyWith('sha256', 32, 'sha1'), 'RSASSA-PSS parameters with two hashes (sha256, and sha1 for MGF1)'],
  ] as const) {
    t.equal(findUnsupportedPss(key), told)
  }
  t.equal(findUnsupportedPss(keyWith('sha512', 190)), undefined)
  t.equal(
    findUnsupportedPss(keyWith('sha512', 191)),
    'RSASSA-PSS parameters with a salt of 191 bytes, where its 2048 bits have room for 190',
  )
})
