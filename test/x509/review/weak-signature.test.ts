import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { findWeakSignatureHash } from '../../../src/x509/review/reviewed-certificate.ts'
import { type IssueOptions, issue, RSA_2048 } from '../../support/certificates.ts'

const directory = t.testdir()
const rsaRoot = issue(directory, { subject: '/CN=RSA root', ca: true, key: RSA_2048 })
const ecRoot = issue(directory, { subject: '/CN=EC root', ca: true })

function hashOf(options: Partial<IssueOptions>): string | undefined {
  return findWeakSignatureHash(issue(directory, { subject: '/CN=Signer', ...options }).certificate)
}

t.test('RSA with PKCS#1 v1.5, and ECDSA', async (t) => {
  for (const issuer of [rsaRoot, ecRoot]) {
    t.equal(hashOf({ issuer, hash: 'sha1' }), 'SHA-1')
    for (const hash of ['sha256', 'sha384', 'sha512', 'sha3-256']) {
      t.equal(hashOf({ issuer, hash }), undefined, hash)
    }
  }
  t.equal(hashOf({ issuer: rsaRoot, hash: 'md5' }), 'MD5')
})

t.test('MD2 and MD4, which OpenSSL no longer makes', async (t) => {
  const { certificate } = issue(directory, { subject: '/CN=Signer', issuer: rsaRoot })
  const sha256WithRsa = Buffer.from('2a864886f70d01010b', 'hex')
  for (const [arc, name] of [
    [2, 'MD2'],
    [3, 'MD4'],
  ] as const) {
    const raw = Buffer.from(certificate.raw)
    raw.writeUInt8(arc, raw.lastIndexOf(sha256WithRsa) + sha256WithRsa.length - 1)
    t.equal(findWeakSignatureHash(new X509Certificate(raw)), name)
  }
})

t.test('RSASSA-PSS says in its parameters which; SHA-1 is what they may leave out', async (t) => {
  const pss = ['-sigopt', 'rsa_padding_mode:pss']
  t.equal(hashOf({ issuer: rsaRoot, signing: pss }), undefined)
  t.equal(hashOf({ issuer: rsaRoot, signing: [...pss, '-sigopt', 'rsa_mgf1_md:sha1'] }), undefined)
  const { certificate } = issue(directory, {
    subject: '/CN=Signer',
    issuer: rsaRoot,
    hash: 'sha1',
    signing: pss,
  })
  t.notOk(certificate.raw.includes(Buffer.from('06052b0e03021a', 'hex')), 'it is left out')
  t.equal(findWeakSignatureHash(certificate), 'SHA-1')
})
