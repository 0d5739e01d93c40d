import { createPublicKey, randomBytes } from 'node:crypto'
import t from 'tap'
import { curveOf } from '../../src/algorithms/elliptic-curves.ts'
import { encodePublicKey } from '../../src/algorithms/public-key.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { findKeyProblem, findUnsupportedKey, publicKeyOf } from '../../src/x509/key-type.ts'
import { findWeakKey } from '../../src/x509/review/reviewed-certificate.ts'
import { generateKeyFile, issue, rsaPss, withLongLength, withUnknownKey } from '../support/certificates.ts'
import {
  algorithm,
  CERTIFICATE,
  reissue,
  withCompressedPoint,
  withExplicitCurve,
} from '../support/resigned.ts'

const directory = t.testdir()

function rsa(bits: number, algorithm = 'RSA'): string[] {
  return ['-algorithm', algorithm, '-pkeyopt', `rsa_keygen_bits:${bits}`]
}

function curve(name: string): string[] {
  return ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`]
}

t.test(
  'RSA of 2048 to 4096 bits can sign, also where it is for PSS alone, and EC on three curves',
  async (t) => {
    const keys = [
      rsa(2048),
      rsa(3072),
      rsa(4096),
      rsa(2048, 'RSA-PSS'),
      ...['P-256', 'P-384', 'P-521'].map(curve),
    ]
    for (const key of keys) {
      const { certificate } = issue(directory, { subject: '/CN=Signer', key })
      t.equal(findKeyProblem(certificate), undefined, key.join(' '))
    }
  },
)

t.test('other keys cannot, and are called by their type', async (t) => {
  for (const [key, found] of [
    [rsa(1024), 'RSA with 1024 bits'],
    [rsa(2047), 'RSA with 2047 bits'],
    [rsa(1024, 'RSA-PSS'), 'RSA with 1024 bits'],
    [rsaPss('sha256', 32, 'sha1'), 'RSASSA-PSS parameters with two hashes (sha256, and sha1 for MGF1)'],
    [curve('P-224'), 'EC on secp224r1'],
    [curve('secp256k1'), 'EC on secp256k1'],
  ] as const) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key })
    t.equal(
      findKeyProblem(certificate),
      `the signer certificate must have a key that is RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521; this one has ${found}`,
    )
  }
})

t.test('parameters for PSS that Node does not tell, such as those with SHA-3', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer', key: rsaPss('sha256', 32) })
  const spki = issued.certificate.publicKey.export({ type: 'spki', format: 'der' })
  const hash = encodeObjectIdentifier('2.16.840.1.101.3.4.2.1')
  const [ofSignature, ofMask] = [spki.indexOf(hash), spki.lastIndexOf(hash)]
  for (const places of [[ofSignature], [ofMask], [ofSignature, ofMask]]) {
    const key = Buffer.from(spki)
    for (const place of places) {
      encodeObjectIdentifier('2.16.840.1.101.3.4.2.8').copy(key, place)
    }
    const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: key })
    t.match(findKeyProblem(certificate), /has RSASSA-PSS parameters (with|that cannot be used)/, `${places}`)
  }
})

t.test('a DSA key, whose length is that of a good RSA key', async (t) => {
  const dsa = ['-genparam', '-algorithm', 'DSA', '-pkeyopt', 'dsa_paramgen_bits:2048']
  const parameters = generateKeyFile(directory, dsa)
  const { certificate } = issue(directory, { subject: '/CN=Signer', key: ['-paramfile', parameters] })
  t.match(findKeyProblem(certificate), /this one has a key of type dsa$/)
})

t.test('a key of a type that OpenSSL does not know', async (t) => {
  const unknown = withUnknownKey(issue(directory, { subject: '/CN=Signer' }).certificate)
  t.match(findKeyProblem(unknown), /this one has a key of an unknown type$/)
})

t.test('a key of a type that only newer versions of Node.js know, or that does not sign', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  // ML-DSA-65 (RFC 9881 4), and X25519 (RFC 8410 4)
  for (const [oid, octets] of [
    ['2.16.840.1.101.3.4.3.18', 1952],
    ['1.3.101.110', 32],
  ] as const) {
    const key = encode(TAG.bitString, Buffer.alloc(1 + octets).fill(9, 1))
    const { certificate } = reissue(issued, issued, {
      [CERTIFICATE.key]: encode(TAG.sequence, algorithm(oid, 'absent'), key),
    })
    t.equal(publicKeyOf(certificate), undefined, oid)
  }
})

t.test('an RSA exponent of more than 64 bits, with which verifying a signature takes long', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  const modulus = randomBytes(256).fill(0xff, 0, 1).toString('base64url')
  for (const [octets, isTaken] of [
    [8, true],
    [9, false],
    [256, false],
  ] as const) {
    const exponent = Buffer.alloc(octets, 0x7f).toString('base64url')
    const key = createPublicKey({ key: { kty: 'RSA', n: modulus, e: exponent }, format: 'jwk' })
    const spki = key.export({ type: 'spki', format: 'der' })
    const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: spki })
    t.equal(publicKeyOf(certificate) !== undefined, isTaken, `${octets} octets`)
  }
})

t.test('an RSA modulus of more than 8192 bits, with which verifying a signature takes long', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  for (const [octets, isTaken] of [
    [1024, true],
    [1025, false],
    [2048, false],
  ] as const) {
    const modulus = randomBytes(octets).fill(0xff, 0, 1).toString('base64url')
    const key = createPublicKey({ key: { kty: 'RSA', n: modulus, e: 'AQAB' }, format: 'jwk' })
    const spki = key.export({ type: 'spki', format: 'der' })
    const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: spki })
    t.equal(publicKeyOf(certificate) !== undefined, isTaken, `${octets} octets`)
  }
})

t.test('curves over binary fields, on which verifying a signature takes long', async (t) => {
  const taken = ['P-256', 'P-521', 'secp256k1', 'brainpoolP512r1', 'prime192v3'].map((name) => [name, true])
  const others = ['sect571r1', 'sect163k1', 'c2tnb431r1', 'wap-wsg-idm-ecid-wtls10'].map((name) => [
    name,
    false,
  ])
  for (const [name, isTaken] of [...taken, ...others] as [string, boolean][]) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key: curve(name) })
    t.equal(publicKeyOf(certificate) !== undefined, isTaken, name)
  }
})

t.test('a DSA key is none to verify with, and one with a negative number ends no process', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  const integer = (octets: number, octet = 0x7f) => encode(TAG.integer, Buffer.alloc(octets, octet))
  const parameters = encode(TAG.sequence, integer(256), integer(32), integer(256, 1))
  const algorithm = encode(TAG.sequence, encodeObjectIdentifier('1.2.840.10040.4.1'), parameters)
  for (const y of [integer(256, 2), integer(256, 0x82)]) {
    const spki = encode(TAG.sequence, algorithm, encode(TAG.bitString, Buffer.of(0), y))
    const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: spki })
    t.equal(certificate.publicKey.asymmetricKeyType, 'dsa')
    t.equal(publicKeyOf(certificate), undefined)
    t.match(findKeyProblem(certificate), /this one has a key of type dsa$/)
    t.equal(
      findWeakKey(certificate),
      'or may not be: it is of DSA or of a type that is unknown here, or verifying with it takes long',
    )
    t.equal(curveOf(certificate.publicKey), undefined)
    t.same(encodePublicKey(certificate.publicKey), spki)
  }
})

t.test('a curve that is spelled out, of a certificate and of a key', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  const spki = withExplicitCurve(issued)
  const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: spki })
  const explicit =
    'EC with explicit curve parameters in place of the name of a curve, which RFC 5480 2.1.1 forbids: make a ' +
    'certificate request that names the curve, as `signing-service csr` does'
  t.match(findKeyProblem(certificate), new RegExp(`this one has ${explicit}$`))
  const key = createPublicKey({ key: spki, type: 'spki', format: 'der' })
  t.equal(findUnsupportedKey(key), explicit)
  t.equal(findUnsupportedKey(undefined, spki), explicit, 'though OpenSSL may not know it')
  t.equal(findUnsupportedKey(undefined, Buffer.from('3000', 'hex')), 'a key of an unknown type')
})

t.test('a compressed point is as good as another', async (t) => {
  const issued = issue(directory, { subject: '/CN=Signer' })
  const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: withCompressedPoint(issued) })
  t.equal(findKeyProblem(certificate), undefined)
})

t.test('a certificate that is not DER', async (t) => {
  const { certificate } = issue(directory, { subject: '/CN=Signer' })
  t.equal(findKeyProblem(withLongLength(certificate)), undefined)
})
