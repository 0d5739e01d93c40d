import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseCertificates } from '../../src/signers/certificate-file.ts'
import { issue, openssl } from '../support/certificates.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: root })
const leafPem = readFileSync(leaf.certificateFile, 'utf8')
const rootPem = readFileSync(root.certificateFile, 'utf8')
const keyPem = readFileSync(leaf.keyFile, 'utf8')
const text = openssl('x509', '-in', leaf.certificateFile, '-text')
const trusted = openssl('x509', '-in', leaf.certificateFile, '-trustout', '-addtrust', 'emailProtection')

t.test('what is read', async (t) => {
  const both = [leaf, root]
  for (const [name, content, expected] of [
    ['PEM', leafPem, [leaf]],
    ['PEM with line ends of DOS', leafPem.replaceAll('\n', '\r\n'), [leaf]],
    ['PEM without a line end', leafPem.trimEnd(), [leaf]],
    ['PEM after a byte order mark', `\uFEFF${leafPem}`, [leaf]],
    ['several, in their order', leafPem + rootPem, both],
    ['several, in the other order', rootPem + leafPem, [root, leaf]],
    [
      'text around them, as openssl x509 -text writes it',
      `${text}\nfriendlyName: Größe\n${rootPem}bye`,
      both,
    ],
    ['labels of old', leafPem.replaceAll(' CERTIFICATE', ' X509 CERTIFICATE'), [leaf]],
    ['the label of openssl x509 -trustout', trusted, [leaf]],
    ['other blocks beside', openssl('ecparam', '-name', 'prime256v1') + leafPem, [leaf]],
    ['DER', leaf.certificate.raw, [leaf]],
  ] as const) {
    const certificates = parseCertificates(Buffer.from(content))
    t.strictSame(
      certificates.map(({ fingerprint256 }) => fingerprint256),
      expected.map(({ certificate }) => certificate.fingerprint256),
      name,
    )
  }
})

t.test('what is refused, and why', async (t) => {
  const cut = leafPem.slice(0, leafPem.length / 2)
  const garbled = leafPem.replace(/\n(.{20})/, '\nAAAAAAAAAAAAAAAAAAAA')
  const encryptedKey = openssl('pkcs8', '-topk8', '-in', leaf.keyFile, '-passout', 'pass:secret')
  const traditionalKey = openssl('pkey', '-in', leaf.keyFile, '-traditional')
  const privateKey = /^it holds a private key, which belongs in the HSM alone/
  for (const [name, content, message] of [
    ['nothing', '', /^it is neither PEM nor a DER certificate$/],
    ['garbage', 'garbage', /^it is neither PEM nor a DER certificate$/],
    ['half of a DER certificate', leaf.certificate.raw.subarray(0, 200), /^it is neither PEM nor a DER/],
    ['two DER certificates', Buffer.concat([leaf.certificate.raw, root.certificate.raw]), /^more follows/],
    ['a certificate request alone', `-----BEGIN X-----\n-----END X-----\n`, /^it holds no certificate$/],
    ['garbage in a block', garbled, /^certificate 1 in it cannot be parsed$/],
    ['garbage in the second block', rootPem + garbled, /^certificate 2 in it cannot be parsed$/],
    ['a block that was cut off', cut, /^block 1 in it has no matching END line$/],
    ['a block that was cut off behind a good one', rootPem + cut, /^block 2 in it has no/],
    ['a block that was cut off before a good one', cut + rootPem, /^block 1 in it has no/],
    ['an END line of another label', leafPem.replace('END CERT', 'END X509 CERT'), /^block 1 in it has no/],
    ['a private key', keyPem, privateKey],
    ['a private key behind a certificate', leafPem + keyPem, privateKey],
    ['a private key that was cut off', leafPem + keyPem.slice(0, 100), privateKey],
    ['an encrypted private key', leafPem + encryptedKey, privateKey],
    ['a private key of the old form', leafPem + traditionalKey, privateKey],
  ] as const) {
    t.throws(() => parseCertificates(Buffer.from(content)), { message }, name)
  }
})
