import t from 'tap'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { findForbiddenName, readNameConstraints } from '../../src/x509/name-constraints.ts'
import { DIRECTORY_NAME } from '../../src/x509/names.ts'
import { findPathProblem } from '../../src/x509/review/path-problem.ts'
import { type Issued, issue, openssl, writeBundle } from '../support/certificates.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const EXTENDED = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign']
const DN = 'dirName:org'
const ORG = ['[org]', 'countryName = DE', 'organizationName = Example Bank']

interface Case {
  readonly constraints: string
  /** Lines of sections that the constraints refer to. */
  readonly sections?: readonly string[]
  readonly subject?: string
  readonly san?: string
  /** The name that is forbidden; undefined where all are allowed. */
  readonly forbidden?: string
}

const CASES: readonly Case[] = [
  { constraints: 'permitted;email:example.com', san: 'email:a@example.com' },
  {
    ...{ constraints: 'permitted;email:example.com', san: 'email:a@sub.example.com' },
    forbidden: 'the e-mail address a@sub.example.com',
  },
  { constraints: 'permitted;email:.example.com', san: 'email:a@sub.example.com' },
  {
    ...{ constraints: 'permitted;email:.example.com', san: 'email:a@example.com' },
    forbidden: 'the e-mail address a@example.com',
  },
  { constraints: 'permitted;email:a@example.com', san: 'email:a@EXAMPLE.com' },
  {
    ...{ constraints: 'permitted;email:a@example.com', san: 'email:b@example.com' },
    forbidden: 'the e-mail address b@example.com',
  },
  {
    ...{ constraints: 'excluded;email:example.com', subject: '/CN=x/emailAddress=a@example.com' },
    forbidden: 'the e-mail address a@example.com',
  },
  { constraints: 'excluded;email:example.com', subject: '/CN=x/emailAddress=a@example.org' },
  // SmtpUTF8Mailbox of jö@Example.com and of jö@example.org
  {
    constraints: 'permitted;email:example.com',
    san: 'DER:301fa01d06082b06010505070809a0110c0f6ac3b6404578616d706c652e636f6d',
  },
  {
    constraints: 'permitted;email:example.com',
    san: 'DER:301fa01d06082b06010505070809a0110c0f6ac3b6406578616d706c652e6f7267',
    forbidden: 'the e-mail address jö@example.org',
  },
  { constraints: 'permitted;DNS:example.com', san: 'DNS:a.b.Example.com, DNS:example.com' },
  {
    ...{ constraints: 'permitted;DNS:example.com', san: 'DNS:badexample.com' },
    forbidden: 'the host name badexample.com',
  },
  {
    ...{ constraints: 'excluded;DNS:example.com', san: 'DNS:other.org, DNS:a.example.com' },
    forbidden: 'the host name a.example.com',
  },
  { constraints: 'permitted;DNS:example.com', san: 'email:a@other.org' },
  // A common name is compared as a host where there is no other
  {
    ...{ constraints: 'permitted;DNS:example.com', subject: '/C=DE/CN=sign.example.org' },
    forbidden: 'the host name sign.example.org',
  },
  {
    ...{ constraints: 'excluded;DNS:example.com', subject: '/CN=x/CN=Sign-1.EXAMPLE.com' },
    ...{ san: 'email:a@example.org', forbidden: 'the host name Sign-1.EXAMPLE.com' },
  },
  { constraints: 'permitted;DNS:example.com', subject: '/CN=sign.example.com' },
  { constraints: 'permitted;DNS:example.com', subject: '/CN=a.example.org', san: 'DNS:a.example.com' },
  ...[
    'Signer',
    'sign.example.org.',
    '.example.org',
    'sign-.example.org',
    'sign..org',
    'Sign example.org',
  ].map((name) => ({ constraints: 'permitted;DNS:example.com', subject: `/CN=${name}` })),
  { constraints: 'permitted;URI:.example.com', san: 'URI:https://a.example.com:1/b' },
  {
    ...{ constraints: 'permitted;URI:.example.com', san: 'URI:https://example.com/b' },
    forbidden: 'the address https://example.com/b',
  },
  { constraints: 'permitted;URI:example.com', san: 'URI:https://example.com/b' },
  { constraints: 'permitted;IP:10.0.0.0/255.0.0.0', san: 'IP:10.1.2.3' },
  {
    ...{ constraints: 'permitted;IP:10.0.0.0/255.0.0.0', san: 'IP:11.1.2.3' },
    forbidden: 'an IP address',
  },
  { constraints: 'excluded;IP:10.0.0.0/255.0.0.0', san: 'IP:2001:db8::1' },
  {
    ...{ constraints: 'excluded;IP:2001:db8::/ffff:ffff::', san: 'IP:2001:db8::1' },
    forbidden: 'an IP address',
  },
  { constraints: `permitted;${DN}`, sections: ORG, subject: '/C=DE/O=EXAMPLE  bank/CN=x' },
  {
    ...{ constraints: `permitted;${DN}`, sections: ORG, subject: '/C=DE/O=Other/CN=x' },
    forbidden: 'a distinguished name',
  },
  {
    ...{ constraints: `permitted;${DN}`, sections: ORG, subject: '/O=Example Bank/C=DE/CN=x' },
    forbidden: 'a distinguished name',
  },
  {
    ...{ constraints: `excluded;${DN}`, sections: ORG, subject: '/C=DE/O=Example Bank/OU=a/CN=x' },
    forbidden: 'a distinguished name',
  },
  { constraints: `excluded;${DN}`, sections: ORG, subject: '/C=DE/O=Example Bankers/CN=x' },
  {
    ...{ constraints: 'permitted;DNS:a.org, excluded;DNS:b.a.org', san: 'DNS:b.a.org' },
    forbidden: 'the host name b.a.org',
  },
]

function constrained(constraints: string, sections: readonly string[] = []): Issued {
  const line = `nameConstraints = critical, ${constraints}`
  return issue(directory, {
    ...{ subject: '/CN=constrained', issuer: root, ca: true },
    extensions: [...EXTENDED, line, ...sections],
  })
}

function leafBelow(issuer: Issued, { subject = '/C=DE/O=Example Bank/CN=x', san }: Case): Issued {
  const extension = san === undefined ? {} : { extension: `subjectAltName = ${san}` }
  return issue(directory, { subject, issuer, ...extension })
}

function constraintsOf({ certificate }: Issued) {
  const value = readCertificateFields(certificate).extensions.get('2.5.29.30')?.value
  return readNameConstraints(value as Buffer)
}

/** Whether OpenSSL finds a path to the root. */
function opensslTakes(leaf: Issued, issuer: Issued): boolean {
  try {
    const files = ['-trusted', root.certificateFile, '-untrusted', issuer.certificateFile]
    openssl('verify', ...files, leaf.certificateFile)
    return true
  } catch {
    return false
  }
}

for (const one of CASES) {
  const { constraints, sections, san, subject, forbidden } = one
  t.test(`${constraints}: ${san ?? subject} is ${forbidden ? 'forbidden' : 'allowed'}`, async (t) => {
    const issuer = constrained(constraints, sections)
    const leaf = leafBelow(issuer, one)
    t.equal(findForbiddenName(readCertificateFields(leaf.certificate), constraintsOf(issuer)), forbidden)
    t.equal(opensslTakes(leaf, issuer), forbidden === undefined, 'as OpenSSL has it')
  })
}

t.test('the common name of an issuer is no host', async (t) => {
  const constraining = constrained('permitted;DNS:example.com')
  const issuer = issue(directory, { subject: '/CN=ca.example.org', issuer: constraining, ca: true })
  const leaf = issue(directory, { subject: '/CN=Signer', issuer })
  const path = [leaf, issuer, constraining, root].map(({ certificate }) => certificate)
  t.equal(findPathProblem(path), undefined)
  const untrusted = writeBundle(`${directory}/issuers.pem`, [issuer.certificate, constraining.certificate])
  openssl('verify', '-trusted', root.certificateFile, '-untrusted', untrusted, leaf.certificateFile)
  const other = issue(directory, { subject: '/CN=sign.example.org', issuer })
  t.match(findPathProblem([other.certificate, ...path.slice(1)]), /the host name sign.example.org for a name/)
})

t.test(
  'an empty base holds for all hosts, and for no mailbox and no address, as OpenSSL has it',
  async (t) => {
    for (const [base, san, shown] of [
      ['8200', 'DNS:a.org', 'the host name a.org'],
      ['8100', 'email:a@a.org', 'the e-mail address a@a.org'],
      ['8600', 'URI:http://a.org', 'the address http://a.org'],
    ] as const) {
      for (const list of ['a0', 'a1']) {
        const line = `2.5.29.30 = critical, DER:3006${list}043002${base}`
        const extensions = [...EXTENDED, line]
        const issuer = issue(directory, { subject: '/CN=constrained', issuer: root, ca: true, extensions })
        const leaf = leafBelow(issuer, { constraints: line, san })
        const isForbidden = (list === 'a1') === (base === '8200')
        const forbidden = findForbiddenName(readCertificateFields(leaf.certificate), constraintsOf(issuer))
        t.equal(forbidden, isForbidden ? shown : undefined)
        t.equal(opensslTakes(leaf, issuer), !isForbidden, line)
      }
    }
  },
)

t.test('a certificate without a subject has its alternative names alone', async (t) => {
  const issuer = constrained(`excluded;${DN}`, ['[org]'])
  const leaf = issue(directory, { subject: '/', issuer, extension: 'subjectAltName = DNS:a.org' })
  t.equal(findForbiddenName(readCertificateFields(leaf.certificate), constraintsOf(issuer)), undefined)
})

t.test('names that cannot be compared', async (t) => {
  for (const [constraints, san] of [
    ['permitted;otherName:1.2.3;UTF8:a', 'otherName:1.2.3;UTF8:a'],
    ['permitted;URI:example.com', 'URI:urn:a:b'],
    ['excluded;URI:example.com', 'URI:http:./x'],
    ['permitted;email:example.com', 'email:copy'],
  ] as const) {
    const issuer = constrained(constraints)
    const value = san === 'email:copy' ? '2.5.29.17 = DER:300381016e' : `subjectAltName = ${san}`
    const leaf = issue(directory, { subject: '/CN=x', issuer, extension: value })
    t.throws(() => findForbiddenName(readCertificateFields(leaf.certificate), constraintsOf(issuer)), san)
    t.notOk(opensslTakes(leaf, issuer))
  }
  const other = { subject: '/CN=x', extension: 'subjectAltName = otherName:1.2.3;UTF8:a' }
  const fields = readCertificateFields(issue(directory, other).certificate)
  t.equal(findForbiddenName(fields, constraintsOf(constrained('permitted;DNS:a'))), undefined)
})

t.test('constraints with a minimum or a maximum, and what is none', async (t) => {
  // GeneralSubtree of the host name "a" with minimum 1, and with maximum 1
  for (const hex of ['300aa0083006820161800101', '300aa0083006820161810101', '0500', '3003020101', '']) {
    t.throws(() => readNameConstraints(Buffer.from(hex, 'hex')), hex)
  }
})

t.test('a minimum of 0, the default, which DER leaves out and some authorities write', async (t) => {
  const constraints = (minimum: number) => {
    const der = Buffer.from('300ca00a30088203612e628001', 'hex')
    return readNameConstraints(Buffer.concat([der, Buffer.of(minimum)]))
  }
  t.equal(constraints(0).permitted.length, 1)
  t.throws(() => constraints(1), { message: /^it has a minimum/ })
})

t.test('a thousand names are compared with a thousand constraints in a moment', async (t) => {
  const directoryNames = (letter: string) =>
    Array.from({ length: 1000 }, (_, index) => {
      const value = encode(TAG.utf8String, Buffer.from(`${letter}${index}`))
      const attribute = encode(TAG.sequence, encodeObjectIdentifier('2.5.4.3'), value)
      return encode(DIRECTORY_NAME, encode(TAG.sequence, encode(TAG.set, attribute)))
    })
  const names = encode(TAG.sequence, ...directoryNames('a'))
  const fields = {
    subject: encode(TAG.sequence),
    extensions: new Map([['2.5.29.17', { critical: false, value: names }]]),
  }
  const before = process.cpuUsage()
  t.equal(findForbiddenName(fields, { permitted: [], excluded: directoryNames('b') }), undefined)
  const { user } = process.cpuUsage(before)
  t.ok(user < 1_500_000, `a pair at a time is read in 4 s of this process, not in ${user} microseconds`)
})

t.test('a common name that is no text is no host', async (t) => {
  const fields = readCertificateFields(issue(directory, { subject: '/CN=sign.example.org' }).certificate)
  const issuer = constraintsOf(constrained('permitted;DNS:example.com'))
  t.equal(findForbiddenName(fields, issuer), 'the host name sign.example.org')
  const subject = Buffer.from(fields.subject)
  subject.writeUInt8(TAG.octetString, subject.indexOf('sign') - 2)
  t.equal(findForbiddenName({ ...fields, subject }, issuer), undefined)
})
