import t from 'tap'
import { readAlgorithmIdentifier, sameAlgorithm } from '../../src/asn1/algorithm-identifier.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { algorithm, ECDSA_WITH_SHA256, SHA256_WITH_RSA } from '../support/resigned.ts'

const integer = Buffer.from('020101', 'hex')
const withInteger = encode(TAG.sequence, encodeObjectIdentifier(SHA256_WITH_RSA), integer)

t.test('absent parameters and NULL are the same', async (t) => {
  for (const form of ['null', 'absent'] as const) {
    t.strictSame(readAlgorithmIdentifier(algorithm(SHA256_WITH_RSA, form)), {
      oid: SHA256_WITH_RSA,
      parameters: undefined,
    })
    t.ok(sameAlgorithm(algorithm(SHA256_WITH_RSA, 'null'), algorithm(SHA256_WITH_RSA, form)))
  }
})

t.test('others are not', async (t) => {
  t.strictSame(readAlgorithmIdentifier(withInteger), { oid: SHA256_WITH_RSA, parameters: integer })
  t.ok(sameAlgorithm(withInteger, withInteger))
  t.notOk(sameAlgorithm(withInteger, algorithm(SHA256_WITH_RSA, 'null')))
  t.notOk(sameAlgorithm(algorithm(ECDSA_WITH_SHA256, 'absent'), algorithm(SHA256_WITH_RSA, 'absent')))
})

t.test('a NULL with contents is none', async (t) => {
  const odd = Buffer.concat([Buffer.of(TAG.null, 3), Buffer.alloc(3)])
  const withOdd = encode(TAG.sequence, encodeObjectIdentifier(SHA256_WITH_RSA), odd)
  t.strictSame(readAlgorithmIdentifier(withOdd).parameters, odd)
  t.notOk(sameAlgorithm(withOdd, algorithm(SHA256_WITH_RSA, 'null')))
})

t.test('what is none', async (t) => {
  for (const hex of ['', '3000', '30030101ff', '300906035504030500', '300706035504030500ff']) {
    t.throws(() => readAlgorithmIdentifier(Buffer.from(hex, 'hex')), { message: /^it is no DER/ })
  }
  const twice = encode(TAG.sequence, encodeObjectIdentifier(SHA256_WITH_RSA), integer, integer)
  t.throws(() => readAlgorithmIdentifier(twice), { message: /something follows its end/ })
})
