import t from 'tap'
import { traceAuthority } from '../../src/timestamp/authority-certificate.ts'
import { type IssueOptions, issue, RSA_2048, spoil } from '../support/certificates.ts'
import { createIssuers, FOR_TIMESTAMPS } from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { root, issuing } = createIssuers(directory)
const subject = '/CN=Timestamp authority'

t.test('the way up to the anchor', async (t) => {
  const { certificate } = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
  t.strictSame(
    traceAuthority(certificate, [certificate, issuing.certificate], [root.certificate], new Date()),
    [certificate, issuing.certificate, root.certificate],
  )
  t.strictSame(traceAuthority(certificate, [issuing.certificate], [], new Date()), [
    certificate,
    issuing.certificate,
  ])
})

t.test('a certificate that only OpenSSL can read', async (t) => {
  const issuer = issue(directory, { subject: '/CN=RSA CA', ca: true, issuer: root, key: RSA_2048 })
  const { certificate } = spoil(issue(directory, { subject, issuer, extensions: FOR_TIMESTAMPS }))
  t.equal(
    traceAuthority(certificate, [], [root.certificate], new Date()),
    'the certificate of CN=Timestamp authority is not encoded as RFC 5280 says',
  )
})

t.test('what is weak, or not allowed, is refused with anchors and without them alike', async (t) => {
  const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`]
  const ca = (options: Partial<IssueOptions>) =>
    issue(directory, { subject: '/CN=CA', ca: true, issuer: root, ...options })
  const rsaIssuer = ca({ subject: '/CN=RSA CA', key: RSA_2048 })
  const authority = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign']
  for (const [issuer, told] of [
    [ca({ key: rsa(512) }), /^the certificate of CN=CA has a key that is not secure, RSA with 512 bits/],
    [
      ca({ hash: 'md5', issuer: rsaIssuer }),
      /^the certificate of CN=CA is signed with MD5, which can be forged/,
    ],
    [ca({ hash: 'sha1' }), /^the certificate of CN=CA is signed with SHA-1, which can be forged/],
    [
      ca({ extensions: [...authority, '1.2.3.4 = critical, DER:0500'] }),
      /^the certificate of CN=CA has a critical extension that is not supported, 1\.2\.3\.4$/,
    ],
    [
      ca({
        extensions: [...authority, 'nameConstraints = critical, permitted;dirName:o', '[o]', 'O = Other'],
      }),
      /^the certificate of CN=Timestamp authority has a distinguished name for a name, which the name constraints of/,
    ],
    [
      ca({ extensions: [...authority, '2.5.29.30 = critical, DER:0500'] }),
      /^the certificate of CN=CA has name constraints that are not those of RFC 5280 4\.2\.1\.10$/,
    ],
  ] as const) {
    const { certificate } = issue(directory, { subject, issuer, extensions: FOR_TIMESTAMPS })
    for (const anchors of [[root.certificate], []]) {
      t.match(
        traceAuthority(certificate, [issuer.certificate, rsaIssuer.certificate], anchors, new Date()),
        told,
      )
    }
  }
  const allowed = ca({ extensions: [...authority, 'nameConstraints = critical, permitted;DNS:test'] })
  const { certificate } = issue(directory, { subject, issuer: allowed, extensions: FOR_TIMESTAMPS })
  t.type(traceAuthority(certificate, [allowed.certificate], [root.certificate], new Date()), Array)
})

t.test('an extended key usage that is not critical, or not alone, is not that of RFC 3161 2.3', async (t) => {
  for (const usage of [
    'timeStamping',
    'critical, timeStamping, emailProtection',
    'critical, emailProtection',
  ]) {
    const extensions = ['basicConstraints = CA:FALSE', `extendedKeyUsage = ${usage}`]
    const { certificate } = issue(directory, { subject, issuer: issuing, extensions })
    t.equal(
      traceAuthority(certificate, [issuing.certificate], [root.certificate], new Date()),
      'the certificate of CN=Timestamp authority is not for timestamps alone (a critical extended key usage with only ' +
        'timeStamping)',
      usage,
    )
  }
})
