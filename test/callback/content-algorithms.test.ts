import t from 'tap'
import { HASH_ALGORITHMS } from '../../src/algorithms/hash-algorithms.ts'
import { createAlgorithmChooser } from '../../src/callback/content-algorithms.ts'

const [sha160, , sha256, sha384, sha512] = HASH_ALGORITHMS as [...(typeof HASH_ALGORITHMS)[0][]]
const signers = [
  { rules: { hashAlgorithms: [sha256, sha512] } },
  { rules: { hashAlgorithms: [sha512, sha160] } },
] as { rules: { hashAlgorithms: typeof HASH_ALGORITHMS } }[]
const choose = createAlgorithmChooser({ all: () => signers })

t.test('contents are hashed with the algorithm that was named before them', async (t) => {
  for (const field of ['encoded_contents', 'encodedContents', 'data_to_be_signed']) {
    t.same(choose({ field, fields: { hash_algorithm: 'SHA-384' } }), [sha384])
    t.same(choose({ field, fields: { hash_algorithm: 'md5' } }), [])
  }
})

t.test('contents are hashed with each algorithm that any signer allows where none was named', async (t) => {
  for (const fields of [{}, { hash_algorithm: null }, { hash_algorithm: 256 }]) {
    t.same(choose({ field: 'encoded_contents', fields }), [sha256, sha512, sha160])
  }
  t.same(choose(undefined), [sha256, sha512, sha160])
})

t.test('what is not to be signed is not hashed', async (t) => {
  t.same(choose({ field: 'signing_token', fields: {} }), [])
  t.same(choose({ field: 'preview', fields: { hash_algorithm: 'sha256' } }), [])
})

t.test('a long string is refused as soon as it is known that certificates are asked for', async (t) => {
  for (const field of ['encoded_contents', 'signing_token', 'preview']) {
    t.throws(() => choose({ field, fields: { action: 'get_certificates' } }), { code: 'PAYLOAD_TOO_LARGE' })
  }
})
