import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t from 'tap'
import { ECDSA } from '../../src/algorithms/ecdsa.ts'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../../src/algorithms/rsa-pkcs1.ts'
import { encodePssParameters, ID_RSASSA_PSS, RSA_PSS } from '../../src/algorithms/rsa-pss.ts'
import { findSignatureProblem, findWeakHash } from '../../src/revocation/revocation-answer.ts'
import { algorithm, ECDSA_WITH_SHA256, SHA256_WITH_RSA } from '../support/resigned.ts'

const toBeSigned = Buffer.from('to be signed')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const restricted = generateKeyPairSync('rsa-pss', {
  modulusLength: 2048,
  hashAlgorithm: 'sha384',
  mgf1HashAlgorithm: 'sha384',
})
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const [sha1, sha256, sha384] = ['sha1', 'sha256', 'sha384'].map(findHashAlgorithm) as [
  HashAlgorithm,
  HashAlgorithm,
  HashAlgorithm,
]
const WRONG = 'its signature does not verify'

/** Returns the identifier of RSASSA-PSS with another hash. */
function pssWith(oid: string): pkijs.AlgorithmIdentifier {
  const algorithmParams = encodePssParameters({ hash: { ...sha256, oid }, saltLength: 32 })
  return new pkijs.AlgorithmIdentifier({ algorithmId: ID_RSASSA_PSS, algorithmParams })
}

function describe(
  identifier: pkijs.AlgorithmIdentifier,
  signature: Buffer,
  { publicKey }: { publicKey: KeyObject | undefined },
) {
  const algorithm = Buffer.from(identifier.toSchema().toBER())
  return findSignatureProblem({ toBeSigned, algorithm, signature }, publicKey)
}

t.test('signatures of RSA and ECDSA, and those of other keys', async (t) => {
  const pkcs1 = sign('sha256', toBeSigned, rsa.privateKey)
  const pss = sign('sha384', toBeSigned, { key: restricted.privateKey, padding: 6, saltLength: 48 })
  const ecdsa = sign('sha384', toBeSigned, ec.privateKey)
  const sha3 = sign('sha3-256', toBeSigned, { key: rsa.privateKey, padding: 6, saltLength: 32 })
  for (const [identifier, signature, keys, wrong] of [
    [RSA_PKCS1.certificateIdentifier(sha256), pkcs1, rsa, undefined],
    [RSA_PKCS1.certificateIdentifier(sha384), pkcs1, rsa, WRONG],
    [RSA_PSS.certificateIdentifier(sha384), pss, restricted, undefined],
    [RSA_PSS.certificateIdentifier(sha256), pss, restricted, WRONG],
    [RSA_PSS.certificateIdentifier(sha256), pkcs1, rsa, WRONG],
    [pssWith('2.16.840.1.101.3.4.2.8'), sha3, rsa, undefined],
    [pssWith('2.16.840.1.101.3.4.2.9'), sha3, rsa, WRONG],
    [ECDSA.certificateIdentifier(sha384), ecdsa, ec, undefined],
    [ECDSA.certificateIdentifier(sha256), ecdsa, ec, WRONG],
    [ECDSA.certificateIdentifier(sha384), Buffer.alloc(0), ec, WRONG],
    [ECDSA.certificateIdentifier(sha384), ecdsa, rsa, 'its signature is not of the kind that the key makes'],
    [
      RSA_PSS.certificateIdentifier(sha384),
      pss,
      { publicKey: undefined },
      'its signature is not of the kind that the key makes',
    ],
    [RSA_PSS.certificateIdentifier(sha384), pss, ec, 'its signature is not of the kind that the key makes'],
  ] as const) {
    t.equal(await describe(identifier, signature, keys), wrong)
  }
})

t.test('parameters that are absent are as good as NULL', async (t) => {
  const pkcs1 = sign('sha256', toBeSigned, rsa.privateKey)
  const ecdsa = sign('sha256', toBeSigned, ec.privateKey)
  for (const form of ['null', 'absent'] as const) {
    for (const [oid, signature, { publicKey }] of [
      [SHA256_WITH_RSA, pkcs1, rsa],
      [ECDSA_WITH_SHA256, ecdsa, ec],
    ] as const) {
      const object = { toBeSigned, algorithm: algorithm(oid, form), signature }
      t.equal(await findSignatureProblem(object, publicKey), undefined, `${oid} ${form}`)
    }
  }
})

t.test('signatures of EdDSA, which hash by themselves, and those of other keys', async (t) => {
  const generate = {
    ed25519: () => generateKeyPairSync('ed25519'),
    ed448: () => generateKeyPairSync('ed448'),
  }
  for (const [algorithmId, type, other] of [
    ['1.3.101.112', 'ed25519', 'ed448'],
    ['1.3.101.113', 'ed448', 'ed25519'],
  ] as const) {
    const keys = generate[type]()
    const signature = sign(null, toBeSigned, keys.privateKey)
    const identifier = new pkijs.AlgorithmIdentifier({ algorithmId })
    t.equal(await describe(identifier, signature, keys), undefined)
    t.equal(await describe(identifier, signature, generate[type]()), WRONG)
    for (const wrong of [generate[other](), ec, rsa]) {
      t.equal(
        await describe(identifier, signature, wrong),
        'its signature is not of the kind that the key makes',
      )
    }
  }
})

t.test('a signature with SHA-1 is told from others', async (t) => {
  const identifiers = [RSA_PKCS1, RSA_PSS, ECDSA].map(({ certificateIdentifier }) => certificateIdentifier)
  const find = (identifier: pkijs.AlgorithmIdentifier) =>
    findWeakHash({
      toBeSigned,
      algorithm: Buffer.from(identifier.toSchema().toBER()),
      signature: Buffer.of(),
    })
  for (const identify of identifiers) {
    t.equal(find(identify(sha1)), 'it is signed with SHA-1, which can be forged')
    t.equal(find(identify(sha256)), undefined)
  }
  t.equal(find(new pkijs.AlgorithmIdentifier({ algorithmId: '1.3.101.112' })), undefined)
})

t.test('algorithms that are not supported', async (t) => {
  const broken = 'the parameters of its algorithm, RSASSA-PSS, are missing or broken'
  const odd = new pkijs.AlgorithmIdentifier({
    algorithmId: '1.2.840.113549.1.1.11',
    algorithmParams: new asn1js.Integer({ value: 1 }),
  })
  for (const [identifier, wrong] of [
    [
      RSA_PKCS1.signerInfoIdentifier(sha256),
      'its signature algorithm, 1.2.840.113549.1.1.1, is not supported',
    ],
    [new pkijs.AlgorithmIdentifier({ algorithmId: ID_RSASSA_PSS }), broken],
    [pssWith('1.3.36.3.2.1'), 'its hash algorithm, 1.3.36.3.2.1, is not supported'],
    [odd, 'its signature algorithm, 1.2.840.113549.1.1.11, is not supported'],
  ] as const) {
    t.equal(await describe(identifier, Buffer.alloc(256), rsa), wrong)
  }
  const garbage = { toBeSigned, algorithm: Buffer.from('300105', 'hex'), signature: Buffer.alloc(256) }
  t.equal(await findSignatureProblem(garbage, rsa.publicKey), 'its signature algorithm is malformed')
})
