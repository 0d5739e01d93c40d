import { spawnSync } from 'node:child_process'
import t from 'tap'
import { traceAuthority } from '../../src/timestamp/authority-chains.ts'
import { type IssueOptions, issue, openssl, RSA_2048, spoil } from '../support/certificates.ts'
import { CERTIFICATE, reissue, withExplicitCurve } from '../support/resigned.ts'
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

t.test('an intermediate that stands beside the anchors need not be sent', async (t) => {
  const { certificate } = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
  const anchors = [issuing.certificate, root.certificate]
  t.strictSame(traceAuthority(certificate, [certificate], anchors, new Date()), [certificate, ...anchors])
  t.match(
    traceAuthority(certificate, [certificate], [issuing.certificate], new Date()),
    'no path to a self-signed certificate of the CA file: it ends at O=Test, CN=Timestamp CA, and the certificate of ' +
      'O=Test, CN=Timestamp root is missing',
    'but it is no anchor',
  )
})

t.test('a root with a new key, certified with its old key (RFC 4210 4.4.1)', async (t) => {
  const renewed = issue(directory, { subject: '/O=Test/CN=Timestamp root', ca: true })
  const link = issue(directory, {
    ...{ subject: '/O=Test/CN=Timestamp root', ca: true },
    ...{ issuer: root, keyFile: renewed.keyFile },
  })
  const leaf = issue(directory, { subject, issuer: renewed, extensions: FOR_TIMESTAMPS })
  const { certificate } = leaf
  const sent = [certificate, link.certificate, renewed.certificate]
  t.strictSame(traceAuthority(certificate, sent, [root.certificate], new Date()), [
    certificate,
    link.certificate,
    root.certificate,
  ])
  const others = ['-untrusted', link.certificateFile, leaf.certificateFile]
  t.match(openssl('verify', '-CAfile', root.certificateFile, ...others), /OK/)
})

t.test('critical extensions about policies count only where a policy is demanded and missing', async (t) => {
  const extensions = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign']
  const policies = (...ids: string[]) => `certificatePolicies = ${ids.join(', ')}`
  const demand = 'policyConstraints = critical, requireExplicitPolicy:0, inhibitPolicyMapping:0'
  for (const [lines, own, taken] of [
    [['inhibitAnyPolicy = critical, 0'], [], true],
    [['policyMappings = critical, 1.2.3:1.2.4'], [], true],
    [['policyConstraints = critical, inhibitPolicyMapping:0'], [], true],
    [[demand], [], false],
    [[demand, policies('1.2.3')], [], false],
    [[demand], [policies('1.2.3')], false],
    [[demand, policies('1.2.3')], [policies('1.2.4')], false],
    [[demand, policies('1.2.3', '1.2.4')], [policies('1.2.5', '1.2.4')], true],
    [[demand, policies('2.5.29.32.0')], [policies('1.2.4')], true],
    [[demand, policies('1.2.3'), 'policyMappings = critical, 1.2.3:1.2.4'], [], false],
    [['2.5.29.36 = critical, DER:0500'], [], false],
    [[demand, '2.5.29.32 = DER:0500'], [policies('1.2.3')], false],
    [[demand, policies('2.5.29.32.0'), 'inhibitAnyPolicy = critical, 0'], [policies('2.5.29.32.0')], false],
  ] as const) {
    const ca = issue(directory, { subject: '/CN=CA', issuer: root, extensions: [...extensions, ...lines] })
    const leaf = issue(directory, { subject, issuer: ca, extensions: [...FOR_TIMESTAMPS, ...own] })
    const path = traceAuthority(leaf.certificate, [ca.certificate], [root.certificate], new Date())
    const name = [...lines, '|', ...own].join(' ')
    t.equal(Array.isArray(path), taken, name)
    const files = ['-CAfile', root.certificateFile, '-untrusted', ca.certificateFile, leaf.certificateFile]
    const judge = spawnSync('openssl', ['verify', '-policy_check', '-policy', '2.5.29.32.0', ...files], {
      encoding: 'utf8',
    })
    t.equal(judge.status === 0, taken, `${name}: ${judge.stderr}`)
  }
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
  const spelledOut = ca({})
  const rsaIssuer = ca({ subject: '/CN=RSA CA', key: RSA_2048 })
  const authority = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign']
  for (const [issuer, told] of [
    [ca({ key: rsa(512) }), /^the certificate of CN=CA has a key that is not secure, RSA with 512 bits/],
    [
      ca({ hash: 'md5', issuer: rsaIssuer }),
      /^the certificate of CN=CA is signed with MD5, which can be forged/,
    ],
    [
      reissue(spelledOut, root, { [CERTIFICATE.key]: withExplicitCurve(spelledOut) }),
      /^the certificate of CN=CA has a key that is not secure, EC with explicit curve parameters/,
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
      ca({ extensions: [...authority, '2.5.29.30 = critical, DER:300ca00a30088203612e62800101'] }),
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

t.test('of several paths to anchors one that is not refused, though another lasts longer', async (t) => {
  const notAfter = new Date(Date.now() + 86_400_000)
  const otherRoot = issue(directory, { subject: '/O=Other/CN=Root', ca: true })
  const own = issue(directory, { subject: '/O=Test/CN=Crossed', ca: true, issuer: root, notAfter })
  const leaf = issue(directory, { subject, issuer: own, extensions: FOR_TIMESTAMPS })
  const anchors = [otherRoot.certificate, root.certificate]
  const trusted = [root, otherRoot].flatMap(({ certificateFile }) => ['-trusted', certificateFile])
  const verify = (issuer: { readonly certificateFile: string }) => {
    const files = ['-untrusted', issuer.certificateFile, leaf.certificateFile]
    const checks = ['-purpose', 'timestampsign', '-policy_check']
    return spawnSync('openssl', ['verify', ...checks, ...trusted, ...files]).status === 0
  }
  t.ok(verify(own))
  for (const [line, ...section] of [
    ['1.2.3.4 = critical, DER:0500'],
    ['nameConstraints = critical, permitted;dirName:names', '[names]', 'O = Other'],
    ['policyConstraints = critical, requireExplicitPolicy:0'],
  ] as const) {
    const lines = [
      'basicConstraints = critical, CA:TRUE',
      'keyUsage = critical, keyCertSign',
      line,
      ...section,
    ]
    const { keyFile } = own
    const crossed = issue(directory, {
      ...{ subject: '/O=Test/CN=Crossed', ca: true, issuer: otherRoot, keyFile, extensions: lines },
    })
    t.notOk(verify(crossed), line)
    const good = [leaf.certificate, own.certificate, root.certificate]
    for (const sent of [
      [crossed.certificate, own.certificate],
      [own.certificate, crossed.certificate],
    ]) {
      t.strictSame(traceAuthority(leaf.certificate, sent, anchors, new Date()), good, line)
    }
    const beside = [...anchors, crossed.certificate]
    t.strictSame(traceAuthority(leaf.certificate, [own.certificate], beside, new Date()), good, line)
    t.type(traceAuthority(leaf.certificate, [crossed.certificate], anchors, new Date()), 'string', line)
  }
})

t.test(
  'of several paths to anchors one of which somebody can be asked, though another lasts longer',
  async (t) => {
    const otherRoot = issue(directory, { subject: '/O=Other/CN=Root', ca: true })
    const own = issue(directory, {
      ...{
        subject: '/O=Test/CN=Crossed',
        ca: true,
        issuer: root,
        notAfter: new Date(Date.now() + 40 * 86_400_000),
      },
      extension: 'crlDistributionPoints = URI:http://ca.test/crl',
    })
    const crossed = issue(directory, {
      ...{ subject: '/O=Test/CN=Crossed', ca: true, issuer: otherRoot, keyFile: own.keyFile },
    })
    const { certificate } = issue(directory, { subject, issuer: own, extensions: FOR_TIMESTAMPS })
    const anchors = [otherRoot.certificate, root.certificate]
    for (const [sent, expected] of [
      [
        [crossed, own],
        [own, root],
      ],
      [[crossed], [crossed, otherRoot]],
    ] as const) {
      const certificates = sent.map((one) => one.certificate)
      t.strictSame(traceAuthority(certificate, certificates, anchors, new Date()), [
        certificate,
        ...expected.map((one) => one.certificate),
      ])
    }
  },
)

t.test('what validators cannot read is named, and nothing that follows from it', async (t) => {
  const unreadable = (name: string) =>
    `the certificate of ${name} has a malformed extension (authorityKeyIdentifier), because of which validators refuse it`
  const identifier = '2.5.29.35 = DER:020101'
  const own = issue(directory, { subject, issuer: issuing, extensions: [...FOR_TIMESTAMPS, identifier] })
  const oddCa = issue(directory, { subject: '/CN=CA', ca: true, issuer: root, extension: identifier })
  const below = issue(directory, { subject, issuer: oddCa, extensions: FOR_TIMESTAMPS })
  const purpose = ['keyUsage = digitalSignature', '2.5.29.37 = critical, DER:0500']
  const withoutPurpose = issue(directory, { subject, issuer: issuing, extensions: purpose })
  for (const [signer, issuer, told] of [
    [own, issuing, unreadable('CN=Timestamp authority')],
    [below, oddCa, unreadable('CN=CA')],
    [
      withoutPurpose,
      issuing,
      unreadable('CN=Timestamp authority').replace('authorityKeyIdentifier', 'extendedKeyUsage'),
    ],
  ] as const) {
    for (const anchors of [[root.certificate], []]) {
      const sent = [issuer.certificate, root.certificate]
      t.equal(traceAuthority(signer.certificate, sent, anchors, new Date()), told)
    }
    const files = ['-untrusted', issuer.certificateFile, signer.certificateFile]
    const judge = spawnSync('openssl', ['verify', '-CAfile', root.certificateFile, ...files])
    t.not(judge.status, 0)
  }
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
