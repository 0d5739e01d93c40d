import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { openssl } from '../support/certificates.ts'

const directory = t.testdir()
/** The example of X.667 6.3. */
const UUID = '2.25.329800735698586629295641978511506172918'

t.test('OpenSSL reads what is asked for', async (t) => {
  for (const hashAlgorithm of HASH_ALGORITHMS) {
    const digest = createHash(hashAlgorithm.nodeName).update('data').digest()
    const nonce = createNonce()
    for (const policy of [undefined, '1.3.6.1.4.1.99999.1', UUID]) {
      const request = encodeTimestampRequest({ hashAlgorithm, digest, nonce, ...(policy && { policy }) })
      writeFileSync(`${directory}/query`, request)
      const text = openssl('ts', '-query', '-in', `${directory}/query`, '-text')
      t.match(text, `Hash Algorithm: ${hashAlgorithm.nodeName}\n`)
      t.match(text, `Policy OID: ${policy ?? 'unspecified'}\n`)
      t.match(text, `Nonce: 0x${nonce.toString('hex').toUpperCase()}\n`)
      t.match(text, 'Certificate required: yes\n')
      t.equal(digestIn(text), digest.toString('hex'))
    }
  }
})

/** The hexadecimal dump, in one piece. */
function digestIn(text: string): string {
  return [...text.matchAll(/^ +[0-9a-f]{4} - (.*?) {3}/gm)]
    .map(([, line = '']) => line.replace(/[ -]/g, ''))
    .join('')
}

t.test('nonces are positive, 8 bytes long, and never the same', async (t) => {
  const nonces = Array.from({ length: 1_000 }, createNonce)
  t.ok(nonces.every((nonce) => nonce.length === 8 && nonce.readInt8() >= 0x40))
  t.equal(new Set(nonces.map((nonce) => nonce.toString('hex'))).size, 1_000)
})
