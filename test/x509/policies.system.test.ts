/** Policies that a path must have (RFC 5280 6.1), as OpenSSL and Bouncy Castle judge them. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { lacksPolicy } from '../../src/x509/policies.ts'
import { findPathProblem } from '../../src/x509/review/path-problem.ts'
import { type Issued, issue, openssl, writeBundle } from '../support/certificates.ts'
import { CERTIFICATE, elementsOf, reissue } from '../support/resigned.ts'
import { faultIn } from '../support/validators/bouncy-castle.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../support/validators/start-bouncy-castle.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
// All but the root have one key, and those that an authority issues itself for a new key another
const { keyFile } = issue(directory, { subject: '/CN=Key' })
const { keyFile: newKeyFile } = issue(directory, { subject: '/CN=New key' })
const content = join(directory, 'content')
writeFileSync(content, 'a text')
const bouncyCastle = WITHOUT_JAVA === false ? await startBouncyCastle(t) : undefined

const AUTHORITY = [
  'basicConstraints = critical, CA:TRUE',
  'keyUsage = critical, keyCertSign',
  'subjectKeyIdentifier = hash',
]
const SIGNS = ['keyUsage = digitalSignature', 'extendedKeyUsage = emailProtection']
const ANY = '2.5.29.32.0'
const policies = (...ids: string[]) => `certificatePolicies = ${ids.join(', ')}`
const demand = (certificates: number) => `policyConstraints = critical, requireExplicitPolicy:${certificates}`
const mappings = (...pairs: string[]) => `policyMappings = ${pairs.join(', ')}`

/** Stands among the lines of a certificate that the authority above it has issued itself. */
const SELF_ISSUED = 'self-issued'

/** Certificates from below the root to the leaf, by what they say. */
const CASES: readonly {
  readonly lines: readonly (readonly string[])[]
  readonly lacks: boolean
}[] = [
  { lines: [[demand(0)], []], lacks: true },
  { lines: [[demand(1)], []], lacks: true },
  { lines: [[demand(2)], []], lacks: false },
  { lines: [[demand(1)], [], []], lacks: true },
  { lines: [[demand(2)], [], []], lacks: true },
  { lines: [[demand(3)], [], []], lacks: false },
  { lines: [[demand(2_000_000_000)], []], lacks: false },
  { lines: [['policyConstraints = requireExplicitPolicy:0'], []], lacks: true },
  { lines: [[demand(2)], [SELF_ISSUED], []], lacks: false },
  { lines: [[demand(1)], [SELF_ISSUED], []], lacks: true },
  { lines: [[], [demand(0)]], lacks: true },
  { lines: [[], [demand(1)]], lacks: false },
  { lines: [[], [demand(0), policies('1.2.3')]], lacks: true },
  { lines: [[policies('1.2.3')], [demand(0), policies('1.2.3')]], lacks: false },
  { lines: [[demand(0), policies('1.2.3')], [policies('1.2.3')]], lacks: false },
  { lines: [[demand(0), policies('1.2.3')], [policies('1.2.4')]], lacks: true },
  { lines: [[demand(0), policies(ANY)], [policies(ANY)], [policies('1.2.4')]], lacks: false },
  { lines: [[demand(0), policies('1.2.3')], [policies(ANY)], [policies('1.2.3')]], lacks: false },
  { lines: [[demand(0), policies('1.2.3')], [policies(ANY)], [policies('1.2.4')]], lacks: true },
  { lines: [[demand(0), policies(ANY), 'inhibitAnyPolicy = critical, 0'], [policies(ANY)]], lacks: true },
  {
    lines: [
      [demand(0), policies(ANY), 'inhibitAnyPolicy = critical, 0'],
      [SELF_ISSUED, policies(ANY)],
      [policies('1.2.3')],
    ],
    lacks: false,
  },
  {
    lines: [[demand(0), policies(ANY), 'inhibitAnyPolicy = critical, 0'], [policies('1.2.3')]],
    lacks: false,
  },
  {
    lines: [
      [demand(0), policies(ANY), 'inhibitAnyPolicy = critical, 1'],
      [policies(ANY)],
      [policies('1.2.3')],
    ],
    lacks: false,
  },
  {
    lines: [[demand(0), policies('1.2.3'), mappings('1.2.3:1.2.4')], [policies('1.2.4')]],
    lacks: false,
  },
  {
    lines: [[demand(0), policies('1.2.3'), mappings('1.2.3:1.2.4')], [policies('1.2.3')]],
    lacks: true,
  },
  {
    lines: [[demand(0), policies('1.2.3'), mappings('1.2.3:1.2.4', '1.2.3:1.2.3')], [policies('1.2.3')]],
    lacks: false,
  },
  {
    lines: [[demand(0), policies(ANY), mappings('1.2.3:1.2.4')], [policies('1.2.4')]],
    lacks: false,
  },
  {
    lines: [
      [demand(0), policies('1.2.3'), mappings('1.2.3:1.2.4')],
      [policies('1.2.4')],
      [policies('1.2.4')],
    ],
    lacks: false,
  },
  {
    lines: [
      [`${demand(0)}, inhibitPolicyMapping:0`, policies('1.2.3')],
      [policies('1.2.3'), mappings('1.2.3:1.2.4')],
      [policies('1.2.4')],
    ],
    lacks: true,
  },
  {
    lines: [
      [`${demand(0)}, inhibitPolicyMapping:1`, policies('1.2.3')],
      [policies('1.2.3'), mappings('1.2.3:1.2.4')],
      [policies('1.2.4')],
    ],
    lacks: false,
  },
  {
    lines: [[demand(0), policies('1.2.3'), mappings(`1.2.3:${ANY}`)], [policies('1.2.3')]],
    lacks: true,
  },
]

for (const { lines, lacks } of CASES) {
  t.test(lines.map((own) => own.join(' ') || 'nothing').join(' | '), async (t) => {
    const path: Issued[] = [root]
    for (const [index, own] of lines.entries()) {
      const isLeaf = index === lines.length - 1
      const renews = own.includes(SELF_ISSUED)
      path.unshift(
        issue(directory, {
          subject: isLeaf ? '/CN=Signer' : `/CN=CA ${renews ? index - 1 : index}`,
          issuer: path[0] as Issued,
          keyFile: renews ? newKeyFile : keyFile,
          extensions: [
            ...(isLeaf ? SIGNS : AUTHORITY),
            'authorityKeyIdentifier = keyid',
            ...own.filter((line) => line !== SELF_ISSUED),
          ],
        }),
      )
    }
    const certificates = path.map(({ certificate }) => certificate)
    t.equal(
      certificates.some((certificate) => lacksPolicy(certificate, certificates)),
      lacks,
    )
    const demanding = path.findIndex((_, index) =>
      lines.at(-1 - index)?.some((line) => line.includes('requireExplicit')),
    )
    t.equal(
      lacksPolicy(certificates[demanding] as Issued['certificate'], certificates),
      lacks,
      'it is that which demands one',
    )

    const [leaf, ...issuers] = path as [Issued, ...Issued[]]
    const others = issuers.map(({ certificate }) => certificate)
    const bundle = writeBundle(join(directory, 'issuers.pem'), others)
    const checks = ['-policy_check', '-policy', ANY, '-CAfile', root.certificateFile, '-untrusted', bundle]
    const judge = spawnSync('openssl', ['verify', ...checks, leaf.certificateFile], { encoding: 'utf8' })
    t.equal(judge.status !== 0, lacks, judge.stderr)
    if (bouncyCastle !== undefined) {
      const cms = join(directory, 'cms')
      const signer = ['-signer', leaf.certificateFile, '-inkey', leaf.keyFile, '-certfile', bundle]
      openssl('cms', '-sign', '-binary', '-in', content, ...signer, '-outform', 'DER', '-out', cms)
      const findings = await bouncyCastle.cms(readFileSync(cms), readFileSync(content), {
        anchors: root.certificateFile,
        type: 'cms',
        overFile: true,
      })
      t.equal(faultIn(findings) !== undefined, lacks, faultIn(findings) ?? 'good')
    }
  })
}

t.test('what cannot be read', async (t) => {
  const issuedWith = (line: string) =>
    issue(directory, { subject: '/CN=CA', issuer: root, keyFile, extensions: [...AUTHORITY, line] })
  for (const [line, lacks] of [
    ['2.5.29.36 = critical, DER:0500', true],
    ['2.5.29.54 = critical, DER:0500', false],
  ] as const) {
    const authority = issuedWith(line)
    const leaf = issue(directory, { subject: '/CN=Signer', issuer: authority, extensions: SIGNS })
    const path = [leaf, authority, root].map(({ certificate }) => certificate)
    t.equal(lacksPolicy(authority.certificate, path), lacks, line)
  }
})

t.test('a certificate that cannot be read is told as such', async (t) => {
  const authority = issue(directory, { subject: '/CN=CA', issuer: root, ca: true })
  const wrapper = elementsOf(elementsOf(authority.certificate.raw)[0] as Buffer).at(-1) as Buffer
  const extensions = DerReader.enterOnly(wrapper, contextTag(3)).enter(TAG.sequence).elements()
  const twice = encode(contextTag(3), encode(TAG.sequence, ...extensions, extensions.at(-1) as Buffer))
  const { certificate } = reissue(authority, root, { [CERTIFICATE.extensions]: twice })
  const leaf = issue(directory, { subject: '/CN=Signer', issuer: authority, extensions: SIGNS })
  t.match(
    findPathProblem([leaf.certificate, certificate, root.certificate]),
    /^the certificate of CN=CA is never valid: it has the extension \S+ twice; have it issued anew$/,
  )
})
