import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../../src/algorithms/received-signature.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { ID_RSASSA_PSS, RSA_PSS } from '../../src/algorithms/rsa-pss.ts'

const message = Buffer.from('the signed attributes')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const [sha1, , sha256, sha384] = HASH_ALGORITHMS as readonly [
  HashAlgorithm,
  HashAlgorithm,
  HashAlgorithm,
  HashAlgorithm,
]
const pkcs1Signature = sign('sha256', message, rsa.privateKey)
const pssSignature = sign('sha256', message, { key: rsa.privateKey, padding: 6, saltLength: 32 })

function describe(
  identifier: pkijs.AlgorithmIdentifier,
  signature: Uint8Array,
  { publicKey, hashAlgorithm = sha256 }: { publicKey: KeyObject; hashAlgorithm?: HashAlgorithm },
): string | undefined {
  const signatureAlgorithm = Buffer.from(identifier.toSchema().toBER())
  return findSignatureProblem({ signatureAlgorithm, hashAlgorithm, publicKey, message, signature })
}

t.test('signatures are taken with all identifiers that they may have', async (t) => {
  const ecdsa = sign('sha256', message, ec.privateKey)
  const restricted = sign('sha256', message, { key: pss.privateKey, padding: 6, saltLength: 32 })
  t.equal(describe(RSA_PKCS1.signerInfoIdentifier(sha256), pkcs1Signature, rsa), undefined)
  t.equal(describe(RSA_PKCS1.certificateIdentifier(sha256), pkcs1Signature, rsa), undefined)
  for (const algorithmId of ['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.11']) {
    t.equal(describe(new pkijs.AlgorithmIdentifier({ algorithmId }), pkcs1Signature, rsa), undefined)
  }
  t.equal(describe(RSA_PSS.signerInfoIdentifier(sha256), pssSignature, rsa), undefined)
  t.equal(describe(RSA_PSS.signerInfoIdentifier(sha256), restricted, pss), undefined)
  t.equal(describe(ECDSA.signerInfoIdentifier(sha256), ecdsa, ec), undefined)
})

t.test('an algorithm has to fit the key and the hash', async (t) => {
  for (const [identifier, key] of [
    [RSA_PKCS1.signerInfoIdentifier(sha256), ec],
    [RSA_PKCS1.signerInfoIdentifier(sha256), pss],
    [RSA_PSS.signerInfoIdentifier(sha256), ec],
    [ECDSA.signerInfoIdentifier(sha256), rsa],
    [ECDSA.signerInfoIdentifier(sha256), generateKeyPairSync('ed25519')],
  ] as const) {
    t.equal(
      describe(identifier, pkcs1Signature, key),
      `its algorithm, ${identifier.algorithmId}, is not supported with this key`,
    )
  }
  for (const [identifier, key] of [
    [RSA_PSS.signerInfoIdentifier(sha256), rsa],
    [RSA_PKCS1.certificateIdentifier(sha256), rsa],
    [ECDSA.signerInfoIdentifier(sha256), ec],
  ] as const) {
    t.equal(
      describe(identifier, pssSignature, { ...key, hashAlgorithm: sha384 }),
      'it is over another hash than that of the signed attributes',
    )
  }
  const odd = new pkijs.AlgorithmIdentifier({
    algorithmId: '1.2.840.113549.1.1.11',
    algorithmParams: new asn1js.Integer({ value: 1 }),
  })
  t.equal(
    describe(odd, pkcs1Signature, rsa),
    'its signature algorithm, 1.2.840.113549.1.1.11, is not supported',
  )
})

t.test('a signature of another padding, another salt, and garbage', async (t) => {
  const wrong = 'it is not that of the signer certificate over these signed attributes'
  const longSalt = sign('sha256', message, { key: rsa.privateKey, padding: 6, saltLength: 33 })
  t.equal(describe(RSA_PKCS1.signerInfoIdentifier(sha256), pssSignature, rsa), wrong)
  t.equal(describe(RSA_PSS.signerInfoIdentifier(sha256), pkcs1Signature, rsa), wrong)
  t.equal(describe(RSA_PSS.signerInfoIdentifier(sha256), longSalt, rsa), wrong)
  t.equal(describe(pssIdentifier({ saltLength: 33 }), longSalt, rsa), undefined)
  t.equal(describe(ECDSA.signerInfoIdentifier(sha256), Buffer.from('garbage'), ec), wrong)
  t.equal(describe(RSA_PSS.signerInfoIdentifier(sha256), Buffer.alloc(0), rsa), wrong)
})

/** SHA-256, MGF1 with it, 32 bytes of salt, but for what is changed. */
function pssIdentifier(changes: ConstructorParameters<typeof pkijs.RSASSAPSSParams>[0]) {
  const parameters = new pkijs.RSASSAPSSParams({
    hashAlgorithm: new pkijs.AlgorithmIdentifier({ algorithmId: sha256.oid }),
    maskGenAlgorithm: mask(sha256),
    saltLength: 32,
    ...changes,
  })
  // As it is read from a container
  const { result } = asn1js.fromBER(parameters.toSchema().toBER())
  return new pkijs.AlgorithmIdentifier({ algorithmId: ID_RSASSA_PSS, algorithmParams: result })
}

function mask({ oid }: HashAlgorithm, algorithmId = '1.2.840.113549.1.1.8') {
  const hash = new pkijs.AlgorithmIdentifier({ algorithmId: oid })
  return new pkijs.AlgorithmIdentifier({ algorithmId, algorithmParams: hash.toSchema() })
}

t.test('parameters of RSASSA-PSS that are not supported are told in words', async (t) => {
  t.equal(describe(pssIdentifier({}), pssSignature, rsa), undefined, 'not these, where hashes have no NULL')
  const broken = 'the parameters of its algorithm, RSASSA-PSS, are missing or broken'
  const mgf1 = { algorithmId: '1.2.840.113549.1.1.8' }
  const withoutHash = new pkijs.AlgorithmIdentifier(mgf1)
  const withNull = new pkijs.AlgorithmIdentifier({ ...mgf1, algorithmParams: new asn1js.Null() })
  const shake = new pkijs.AlgorithmIdentifier({ algorithmId: '2.16.840.1.101.3.4.2.12' })
  const otherMask = 'its mask generation function has another hash than the signature, which is not supported'
  for (const [changes, message] of [
    [{ hashAlgorithm: shake }, 'its hash algorithm, 2.16.840.1.101.3.4.2.12, is not supported'],
    [{ maskGenAlgorithm: mask(sha1) }, otherMask],
    [{ maskGenAlgorithm: withoutHash }, broken],
    [{ maskGenAlgorithm: withNull }, broken],
    [
      { maskGenAlgorithm: mask(sha256, '2.16.840.1.101.3.4.2.12') },
      'its mask generation function, 2.16.840.1.101.3.4.2.12, is not supported',
    ],
    [{ saltLength: -1 }, 'its salt has an impossible length'],
    [{ saltLength: -2 }, 'its salt has an impossible length'],
    [{ saltLength: 513 }, 'its salt has an impossible length'],
    [{ trailerField: 2 }, 'its trailer field is not that of RFC 8017'],
  ] as const) {
    t.equal(describe(pssIdentifier(changes), pssSignature, rsa), message)
  }
  for (const algorithmParams of [
    undefined,
    new asn1js.Null(),
    new asn1js.Sequence({ value: [new asn1js.Null()] }),
  ]) {
    const parameters = algorithmParams === undefined ? {} : { algorithmParams }
    const identifier = new pkijs.AlgorithmIdentifier({ algorithmId: ID_RSASSA_PSS, ...parameters })
    t.equal(describe(identifier, pssSignature, rsa), broken)
  }
})

t.test('the defaults of RSASSA-PSS are those of SHA-1', async (t) => {
  const signature = sign('sha1', message, { key: rsa.privateKey, padding: 6, saltLength: 20 })
  const identifier = new pkijs.AlgorithmIdentifier({
    algorithmId: ID_RSASSA_PSS,
    algorithmParams: asn1js.fromBER(Buffer.from('3000', 'hex')).result,
  })
  t.equal(describe(identifier, signature, { ...rsa, hashAlgorithm: sha1 }), undefined)
})
