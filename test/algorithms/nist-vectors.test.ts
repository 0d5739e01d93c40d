import { join } from 'node:path'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { RSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import {
  findNistVectors,
  type NistVector,
  readEcdsaVectors,
  readRsaVectors,
} from '../support/nist-vectors.ts'
import { foreignTakes, ownTakes, pssIdentifier } from '../support/wrong-signatures/verifiers.ts'

const directory = await findNistVectors('asymmetric')
const options = { skip: directory === undefined && 'docker/install-tools.sh nist-vectors installs them' }
const path = (file: string) => join(`${directory}`, file)

/** Those of whom a verification says another thing than NIST does. */
function differing(vectors: readonly NistVector[], takes: (vector: NistVector) => boolean): string[] {
  return vectors
    .filter((vector) => takes(vector) !== vector.valid)
    .map(({ section, hash, result }) => `${section}, ${hash.name}: ${result}`)
}

function countValid(vectors: readonly NistVector[]): { all: number; valid: number } {
  return { all: vectors.length, valid: vectors.filter(({ valid }) => valid).length }
}

t.test('PKCS#1 v1.5, of 1024 to 4096 bits', options, async (t) => {
  for (const [file, count] of [
    ['RSA/FIPS_186-2/SigVer15_186-3.rsp', { all: 450, valid: 75 }],
    ['RSA/SigVer15EMTest.txt', { all: 150, valid: 0 }],
  ] as const) {
    const vectors = readRsaVectors(path(file))
    t.strictSame(countValid(vectors), count)
    t.strictSame(
      differing(vectors, (vector) => ownTakes(RSA_PKCS1, vector, vector.signature)),
      [],
    )
    for (const identify of [RSA_PKCS1.signerInfoIdentifier, RSA_PKCS1.certificateIdentifier]) {
      const takes = (vector: NistVector) => foreignTakes(identify(vector.hash), vector, vector.signature)
      t.strictSame(differing(vectors, takes), [])
    }
  }
})

t.test('PSS, of 1024 to 4096 bits', options, async (t) => {
  const vectors = readRsaVectors(path('RSA/FIPS_186-2/SigVerPSS_186-3.rsp'))
  t.strictSame(countValid(vectors), { all: 450, valid: 75 })
  t.strictSame(
    differing(vectors, (vector) =>
      foreignTakes(pssIdentifier(vector.hash, vector.saltLength), vector, vector.signature),
    ),
    [],
  )
  t.ok(vectors.every(({ hash, saltLength }) => saltLength !== hash.digestLength))
  const own = vectors.filter((vector) => ownTakes(RSA_PSS, vector, vector.signature))
  t.strictSame(own, [], 'the salts of our own are as long as the digest')
})

t.test('ECDSA on the curves there are', options, async (t) => {
  const sizes = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }
  const vectors = readEcdsaVectors(path('ECDSA/FIPS_186-3/SigVer.rsp'), sizes)
  t.strictSame(countValid(vectors), { all: 225, valid: 45 })
  t.strictSame(
    differing(vectors, (vector) => ownTakes(ECDSA, vector, vector.signature)),
    [],
  )
  const takes = (vector: NistVector) => {
    const der = ECDSA.encode(vector.signature)
    return foreignTakes(ECDSA.certificateIdentifier(vector.hash), vector, der)
  }
  t.strictSame(differing(vectors, takes), [])
})
