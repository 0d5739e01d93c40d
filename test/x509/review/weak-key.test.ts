import { createPublicKey } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { findWeakKey } from '../../../src/x509/review/reviewed-certificate.ts'
import {
  generateKeyFile,
  issue,
  openssl,
  P_256,
  RSA_2048,
  withUnknownKey,
} from '../../support/certificates.ts'
import { CERTIFICATE, reissue, withExplicitCurve } from '../../support/resigned.ts'

const directory = t.testdir()

function weaknessOf(key: readonly string[]): string | undefined {
  return findWeakKey(issue(directory, { subject: '/CN=Key', key }).certificate)
}

function rsa(bits: number, type = 'RSA'): string[] {
  return ['-algorithm', type, '-pkeyopt', `rsa_keygen_bits:${bits}`]
}

function ec(curve: string): string[] {
  return ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`]
}

t.test('RSA needs 2048 bits', async (t) => {
  t.equal(weaknessOf(rsa(2048)), undefined)
  t.equal(weaknessOf(rsa(2047)), 'RSA with 2047 bits')
  t.equal(weaknessOf(rsa(1024, 'RSA-PSS')), 'RSA with 1024 bits')
  t.equal(weaknessOf(rsa(2048, 'RSA-PSS')), undefined)
})

t.test('elliptic curves need 256 bits', async (t) => {
  for (const curve of ['P-256', 'P-384', 'P-521', 'brainpoolP256r1', 'secp256k1']) {
    t.equal(weaknessOf(ec(curve)), undefined, curve)
  }
  t.equal(weaknessOf(ec('P-224')), 'EC with 224 bits')
  t.equal(weaknessOf(ec('P-192')), 'EC with 192 bits')
  t.equal(weaknessOf(['-algorithm', 'ED25519']), undefined)
  t.equal(weaknessOf(['-algorithm', 'ED448']), undefined)
})

t.test('a point may be compressed', async (t) => {
  for (const [key, expected] of [
    [P_256, undefined],
    [ec('P-224'), 'EC with 224 bits'],
  ] as const) {
    const keyFile = join(directory, 'compressed.pem')
    openssl(...['ec', '-in', generateKeyFile(directory, key), '-conv_form', 'compressed', '-out', keyFile])
    const { certificate } = issue(directory, { subject: '/CN=Key', keyFile })
    t.ok(certificate.publicKey.export({ type: 'spki', format: 'der' }).length < 65)
    t.equal(findWeakKey(certificate), expected)
  }
})

t.test('a point that is both at once, the hybrid form, hides no short curve', async (t) => {
  for (const [key, expected] of [
    [P_256, undefined],
    [ec('P-224'), 'EC with 224 bits'],
    [ec('P-192'), 'EC with 192 bits'],
  ] as const) {
    const keyFile = join(directory, 'hybrid.pem')
    openssl(...['ec', '-in', generateKeyFile(directory, key), '-conv_form', 'hybrid', '-out', keyFile])
    const { certificate } = issue(directory, { subject: '/CN=Key', keyFile })
    t.equal(findWeakKey(certificate), expected)
  }
})

t.test('a curve that is spelled out may be any, and one with a backdoor', async (t) => {
  const issued = issue(directory, { subject: '/CN=Key' })
  const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: withExplicitCurve(issued) })
  t.match(findWeakKey(certificate), /^EC with explicit curve parameters in place of the name of a curve/)
})

t.test('RSA with an exponent that makes no secret of the key', async (t) => {
  const issued = issue(directory, { subject: '/CN=Key', key: RSA_2048 })
  const jwk = issued.certificate.publicKey.export({ format: 'jwk' })
  for (const [exponent, expected] of [
    [1, 'RSA with the public exponent 1'],
    [2, 'RSA with the public exponent 2'],
    [3, undefined],
  ] as const) {
    const e = Buffer.of(exponent).toString('base64url')
    const key = createPublicKey({ key: { ...jwk, e }, format: 'jwk' })
    const spki = key.export({ type: 'spki', format: 'der' })
    const { certificate } = reissue(issued, issued, { [CERTIFICATE.key]: spki })
    t.equal(findWeakKey(certificate), expected)
  }
})

t.test('other types, and those that OpenSSL does not know', async (t) => {
  const parameters = join(directory, 'dsa.pem')
  const bits = ['-pkeyopt', 'dsa_paramgen_bits:1024']
  openssl('genpkey', '-genparam', '-algorithm', 'DSA', ...bits, '-out', parameters)
  const other =
    'or may not be: it is of DSA or of a type that is unknown here, or verifying with it takes long'
  t.equal(weaknessOf(['-paramfile', parameters]), other)
  const unknown = withUnknownKey(issue(directory, { subject: '/CN=Key' }).certificate)
  t.equal(findWeakKey(unknown), other)
})
