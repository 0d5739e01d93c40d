import type { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { encode, encodeObjectIdentifier } from '../../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../../src/asn1/tag.ts'
import { readCertificateFields } from '../../../src/x509/certificate-fields.ts'
import { buildChain } from '../../../src/x509/chain.ts'
import {
  buildSignerChain,
  findPathWarnings,
  reviewCertificates,
} from '../../../src/x509/review/certificate-review.ts'
import { findInvalidity, validityPeriod } from '../../../src/x509/validity.ts'
import {
  generateKeyFile,
  type Issued,
  type IssueOptions,
  issue,
  openssl,
  RSA_2048,
  rsaPss,
  spoil,
  withUnknownKey,
  writeBundle,
} from '../../support/certificates.ts'
import {
  algorithm,
  attribute,
  CERTIFICATE,
  COMMON_NAME,
  elementsOf,
  extensionsOf,
  reissue,
  SHA256_WITH_RSA,
  validityOf,
  withCompressedPoint,
} from '../../support/resigned.ts'
import { cmsutil, makeNssDatabase } from '../../support/validators/nss.ts'
import { verifyCms } from '../../support/validators/openssl.ts'
import { startBouncyCastle, WITHOUT_JAVA } from '../../support/validators/start-bouncy-castle.ts'

const AT = new Date()
const OCSP = 'authorityInfoAccess = OCSP;URI:http://ocsp.test/'
const FOR_DOCUMENTS = 'extendedKeyUsage = 1.3.6.1.5.5.7.3.36, emailProtection'
const SIGNS = 'keyUsage = critical, digitalSignature, nonRepudiation'
const CA = 'basicConstraints = critical, CA:TRUE'
const SIGNS_CERTIFICATES = 'keyUsage = critical, keyCertSign, cRLSign'

const directory = t.testdir()
const root = makeAuthority('Root')
const policy = makeAuthority('Policy CA', root)
const issuing = makeAuthority('Issuing CA', policy)
const leaf = makeLeaf({ issuer: issuing })
const SUBJECT = 'O=Test, CN=Signer'

/** With nothing that is worth a warning. */
function makeLeaf(options: Partial<IssueOptions>): Issued {
  return issue(directory, {
    subject: '/O=Test/CN=Signer',
    extensions: ['basicConstraints = CA:FALSE', SIGNS, FOR_DOCUMENTS, OCSP],
    ...options,
  })
}

/** Likewise. */
function makeAuthority(name: string, issuer?: Issued, options: Partial<IssueOptions> = {}): Issued {
  const issued = issuer === undefined ? {} : { issuer }
  const extensions = [CA, SIGNS_CERTIFICATES, OCSP]
  return issue(directory, { subject: `/O=Test/CN=${name}`, ca: true, extensions, ...issued, ...options })
}

function certificatesOf(issued: readonly Issued[]): X509Certificate[] {
  return issued.map(({ certificate }) => certificate)
}

function review([first, ...rest]: readonly [Issued, ...Issued[]], ca: readonly Issued[] = [], at = AT) {
  const leaf = first.certificate
  const following = certificatesOf(rest)
  const caCertificates = certificatesOf(ca)
  const chain = buildSignerChain(leaf, [...following, ...caCertificates], at)
  return reviewCertificates({ leaf, following, caCertificates, chain, at })
}

function pemOf(issued: readonly Issued[]): string {
  return issued.map(({ certificateFile }) => readFileSync(certificateFile, 'utf8')).join('')
}

/** DER INTEGER. */
function serialNumberOf({ certificate }: Issued): Buffer {
  const [toBeSigned] = elementsOf(certificate.raw) as [Buffer]
  return elementsOf(toBeSigned)[CERTIFICATE.serialNumber] as Buffer
}

function ofLeaf(...messages: string[]) {
  return messages.map((message) => ({ of: 'leaf', message }))
}

function ofFollowing(...messages: string[]) {
  return messages.map((message) => ({ of: 'following', message }))
}

function ofCaCertificates(...messages: string[]) {
  return messages.map((message) => ({ of: 'caCertificates', message }))
}

const NOTHING = { problems: [], warnings: [] }

t.test(
  'of a good chain there is nothing to say, wherever and in whatever order its certificates are',
  async (t) => {
    t.strictSame(review([leaf, issuing, policy, root]), NOTHING)
    t.strictSame(review([leaf, root, issuing, policy]), NOTHING)
    t.strictSame(review([leaf], [root, policy, issuing]), NOTHING)
    t.strictSame(review([leaf, policy], [issuing, root, policy]), NOTHING)
  },
)

t.test('certificates that are not in the chain do not matter', async (t) => {
  const weak = makeAuthority('Weak', undefined, {
    key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  })
  t.strictSame(
    review([leaf, issuing, policy, weak], [root, makeLeaf({ issuer: weak, hash: 'sha1' })]),
    NOTHING,
  )
})

t.test('an expired intermediate is told by its validity, and nothing is said twice', async (t) => {
  const expired = makeAuthority('Expired CA', root, {
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2021-01-01'),
  })
  const below = makeLeaf({ issuer: expired })
  t.strictSame(review([below, expired, root]), NOTHING)
  const periods = certificatesOf([below, expired, root]).map(validityPeriod)
  t.match(findInvalidity(periods, AT), /^The certificate of O=Test, CN=Expired CA expired/)
})

t.test('one whose validity is none is told by its place, a signer or an issuer', async (t) => {
  const monthless = validityOf('251301000000Z', '491231235959Z')
  const never =
    'is never valid: it is no DER of this kind: "251301000000Z" is not a time of RFC 5280 4.1.2.5; have it issued anew'
  const fields = { [CERTIFICATE.validity]: monthless }
  const signer = reissue(leaf, issuing, fields)
  t.strictSame(review([signer, issuing, policy, root]), { problems: ofLeaf(never), warnings: [] })
  const authority = reissue(issuing, policy, fields)
  const problem = `the certificate of O=Test, CN=Issuing CA ${never}`
  t.strictSame(review([leaf, authority, policy, root]), { problems: ofFollowing(problem), warnings: [] })
  t.strictSame(review([leaf], [authority, policy, root]).problems, ofCaCertificates(problem))
  t.strictSame(review([leaf], [authority, issuing, policy, root]), NOTHING, 'where there is a good one too')
})

t.test('an authority in place of the signer', async (t) => {
  const is = (name: string) =>
    `is the certificate of a certificate authority (O=Test, CN=${name}), not of a signer`

  t.test('with no signer anywhere below it', async (t) => {
    const expected = ofLeaf(`${is('Issuing CA')}; put the signer certificate first`)
    const stranger = makeLeaf({ issuer: makeAuthority('Stranger') })
    t.strictSame(review([issuing, policy], [root]), { problems: expected, warnings: [] })
    t.strictSame(review([issuing], [root, policy, stranger]), { problems: expected, warnings: [] })
    t.strictSame(review([issuing]), { problems: expected, warnings: [] }, 'no warning of the wrong one')
  })

  t.test('in a file in the wrong order, which names the one to put first', async (t) => {
    const inOrder = `; the file is in the wrong order: put the certificate of ${SUBJECT} first`
    t.strictSame(review([issuing, leaf], [policy, root]).problems, ofLeaf(is('Issuing CA') + inOrder))
    t.strictSame(review([root, policy, issuing, leaf]).problems, ofLeaf(is('Root') + inOrder))
    t.strictSame(review([root, leaf, issuing, policy]).problems, ofLeaf(is('Root') + inOrder))
    t.strictSame(review([root, leaf], [issuing, policy]).problems, ofLeaf(is('Root') + inOrder))
  })

  t.test('with the signer among the CA certificates', async (t) => {
    const among = `; put the certificate of ${SUBJECT} first, which is among the CA certificates`
    t.strictSame(review([issuing], [policy, leaf, root]).problems, ofLeaf(is('Issuing CA') + among))
    t.strictSame(review([root, policy], [issuing, leaf]).problems, ofLeaf(is('Root') + among))
  })

  t.test('a signer that is valid comes before one that is not', async (t) => {
    const period = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') }
    const old = makeLeaf({ subject: '/CN=Old signer', issuer: issuing, ...period })
    const files = [issuing, old, leaf] as const
    t.match(review(files).problems, [{ message: /put the certificate of O=Test, CN=Signer first$/ }])
    t.match(review(files, [], new Date('2020-06-01')).problems, [{ message: /of CN=Old signer first$/ }])
    t.match(review([issuing, old]).problems, [{ message: /of CN=Old signer first$/ }])
  })

  t.test('whatever its key usage, and self-signed as well', async (t) => {
    const extensions = [CA, SIGNS]
    t.strictSame(review([makeAuthority('Self', undefined, { extensions })]), {
      problems: ofLeaf(`${is('Self')}; put the signer certificate first`),
      warnings: [],
    })
  })
})

const WITHOUT_NON_REPUDIATION =
  `the certificate of ${SUBJECT} does not say that its key is for nonRepudiation (contentCommitment, in the key usage): pyHanko ` +
  'refuses signatures because of it unless it is told otherwise, and EU DSS warns; have it issued with that too'

t.test('the key usage of a signer', async (t) => {
  const withUsage = (...lines: string[]) =>
    review([makeLeaf({ issuer: root, extensions: [...lines, FOR_DOCUMENTS, OCSP] })], [root])
  const refusal = (usage: string) =>
    ofLeaf(
      `is not for signing documents, by its key usage (${usage}); have it issued with digitalSignature or nonRepudiation`,
    )
  for (const good of [
    'nonRepudiation',
    'digitalSignature, nonRepudiation',
    'keyEncipherment, nonRepudiation',
  ]) {
    t.strictSame(withUsage(`keyUsage = ${good}`), NOTHING)
  }
  for (const lines of [
    ['keyUsage = digitalSignature'],
    ['keyUsage = keyEncipherment, digitalSignature'],
    [],
  ]) {
    t.strictSame(withUsage(...lines), { problems: [], warnings: [WITHOUT_NON_REPUDIATION] })
  }
  t.strictSame(withUsage('keyUsage = keyEncipherment, dataEncipherment'), {
    problems: refusal('keyEncipherment, dataEncipherment'),
    warnings: [],
  })
  t.strictSame(withUsage('2.5.29.15 = DER:030100').problems, refusal('none'))
})

t.test('a weak key of a signer', async (t) => {
  const key = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']
  t.strictSame(review([makeLeaf({ issuer: root, key })], [root]), {
    problems: ofLeaf(
      'has a key that is not secure, RSA with 1024 bits; make a new one, and have a certificate issued for it',
    ),
    warnings: [],
  })
  const certificate = withUnknownKey(leaf.certificate)
  t.match(review([{ ...leaf, certificate }], [root]).problems, [
    {
      of: 'leaf',
      message:
        /^has a key that is not secure, or may not be: it is of DSA or of a type that is unknown here, or verifying with it takes long; /,
    },
  ])
  const selfSigned = { ...leaf, certificate: withUnknownKey(makeLeaf({}).certificate) }
  t.match(review([selfSigned]).problems, [
    { message: /^has a key that is not secure, or may not be: it is of DSA or/ },
  ])
})

t.test('a weak signature over the certificate of a signer', async (t) => {
  t.strictSame(review([makeLeaf({ issuer: root, hash: 'sha1' })], [root]), {
    problems: ofLeaf('is signed with SHA-1, which can be forged; have it issued anew'),
    warnings: [],
  })
})

t.test('a signer with the serial number of its root, which OpenSSL takes for it', async (t) => {
  const home = makeAuthority('Home CA')
  const issued = makeLeaf({ issuer: home })
  const same = reissue(issued, home, { [CERTIFICATE.serialNumber]: serialNumberOf(home) })
  t.strictSame(review([same], [home]).problems, [
    ...ofLeaf(
      'has the serial number and the issuer of the certificate of O=Test, CN=Home CA, so that validators take one for the ' +
        'other; have it issued anew, with another serial number',
    ),
  ])
  t.strictSame(review([issued], [home]).problems, [])
  const below = makeAuthority('Below', home)
  const under = makeLeaf({ issuer: below })
  const sameBelow = reissue(under, below, { [CERTIFICATE.serialNumber]: serialNumberOf(home) })
  t.strictSame(review([sameBelow], [below, home]).problems, [], 'another issuer may use it too')
  const verify = (signer: Issued) => {
    const document = `${directory}/document`
    writeFileSync(document, 'text')
    const args = [
      '-signer',
      signer.certificateFile,
      '-inkey',
      signer.keyFile,
      '-certfile',
      home.certificateFile,
    ]
    openssl('cms', '-sign', '-binary', ...args, '-in', document, '-outform', 'DER', '-out', `${document}.p7`)
    const trust = ['-CAfile', home.certificateFile, '-purpose', 'any']
    openssl(
      'cms',
      '-verify',
      '-binary',
      ...trust,
      '-inform',
      'DER',
      '-in',
      `${document}.p7`,
      '-content',
      document,
    )
  }
  verify(issued)
  t.throws(() => verify(same))
})

t.test('all problems are told at once, the leaf first', async (t) => {
  const weak = makeAuthority('Weak CA', root, { hash: 'sha1' })
  const extensions = ['keyUsage = keyAgreement']
  t.match(review([makeLeaf({ issuer: weak, hash: 'sha1', extensions })], [root, weak]).problems, [
    { of: 'leaf', message: /^is not for signing documents/ },
    { of: 'leaf', message: /^is signed with SHA-1/ },
    { of: 'caCertificates', message: /^the certificate of O=Test, CN=Weak CA is signed with SHA-1/ },
  ])
  t.match(review([makeAuthority('Below', weak)], [root, weak]).problems, [
    { of: 'leaf', message: /^is the certificate of a certificate authority/ },
    { of: 'caCertificates', message: /^the certificate of O=Test, CN=Weak CA is signed with SHA-1/ },
  ])
})

t.test('an issuer that is no authority', async (t) => {
  for (const extensions of [['basicConstraints = CA:FALSE', OCSP], [OCSP]]) {
    const intruder = makeAuthority('Intruder', root, { extensions })
    const below = makeLeaf({ issuer: intruder })
    t.strictSame(review([below, intruder], [root]), {
      problems: ofFollowing(
        'the certificate of O=Test, CN=Intruder is not that of a certificate authority (no cA in its ' +
          `basicConstraints), but has issued that of ${SUBJECT}`,
      ),
      warnings: [],
    })
    t.throws(() => opensslVerify(below, [intruder], root), /invalid CA certificate/)
  }
})

t.test('a root may be of version 1, but no other certificate', async (t) => {
  const old = makeAuthority('Old root', undefined, { extensions: [] })
  const below = makeLeaf({ issuer: old })
  t.strictSame(review([below], [old]), NOTHING)
  t.doesNotThrow(() => opensslVerify(below, [], old))
  const middle = makeAuthority('Old CA', old, { extensions: [] })
  const message = /^the certificate of O=Test, CN=Old CA is not that of a certificate authority/
  t.match(review([makeLeaf({ issuer: middle })], [old, middle]).problems, [{ message }])
  const bare = makeAuthority('Bare root', undefined, { extensions: [OCSP] })
  t.match(review([makeLeaf({ issuer: bare })], [bare]).problems, [{ message: /CN=Bare root is not that of/ }])
})

t.test(
  'a root may say that it is one by its key usage alone, with a warning, and no other certificate',
  async (t) => {
    const extensions = [SIGNS_CERTIFICATES, OCSP]
    const plain = makeAuthority('Plain root', undefined, { extensions })
    const below = makeLeaf({ issuer: plain })
    t.doesNotThrow(() => opensslVerify(below, [], plain))
    t.strictSame(review([below], [plain]), {
      problems: [],
      warnings: [
        'the certificate of O=Test, CN=Plain root is that of a root without basicConstraints (RFC 5280 4.2.1.9): signatures are refused ' +
          'because of it by gpgsm; have it issued anew',
      ],
    })
    const none = makeAuthority('No root', undefined, {
      extensions: ['basicConstraints = CA:FALSE', ...extensions],
    })
    t.throws(() => opensslVerify(makeLeaf({ issuer: none }), [], none))
    t.match(review([makeLeaf({ issuer: none })], [none]).problems, [{ message: /CN=No root is not that of/ }])
    const middle = makeAuthority('Plain CA', plain, { extensions })
    t.match(review([makeLeaf({ issuer: middle })], [plain, middle]).problems, [
      { message: /CN=Plain CA is not/ },
    ])
  },
)

t.test('an issuer whose key usage does not allow it', async (t) => {
  for (const [usage, told] of [
    ['keyUsage = digitalSignature, cRLSign', 'digitalSignature, cRLSign'],
    ['2.5.29.15 = DER:030100', 'none'],
  ] as const) {
    const forbidden = makeAuthority('Forbidden', root, { extensions: [CA, usage, OCSP] })
    const below = makeLeaf({ issuer: forbidden })
    t.same(
      buildChain(below.certificate, certificatesOf([forbidden, root])).issuers,
      [],
      'the chain is without it',
    )
    t.strictSame(review([below, forbidden], [root]), {
      problems: ofFollowing(
        `the certificate of O=Test, CN=Forbidden is not for issuing certificates, by its key usage (${told}), but ` +
          `has issued that of ${SUBJECT}`,
      ),
      warnings: [],
    })
    t.throws(() => opensslVerify(below, [forbidden], root))
  }
})

t.test(
  'one that only has the name of a forbidden issuer is none, nor one that only has the key',
  async (t) => {
    const extensions = [CA, 'keyUsage = cRLSign']
    const namesake = makeAuthority('Issuing CA', root, { extensions })
    const unknown = { ...namesake, certificate: withUnknownKey(namesake.certificate) }
    const renamed = makeAuthority('Renamed', root, { extensions, keyFile: issuing.keyFile })
    for (const other of [namesake, unknown, renamed]) {
      const { problems, warnings } = review([leaf], [other, root])
      t.same(problems, [])
      const ending = other === unknown ? 'it ends at' : 'missing is'
      t.match(warnings, [new RegExp(`^the chain is incomplete: ${ending} the certificate of O=Test, CN=`)])
    }
  },
)

t.test('a path that is longer than an authority allows', async (t) => {
  const narrow = (pathLength: number) =>
    makeAuthority('Narrow', root, {
      extensions: [`${CA}, pathlen:${pathLength}`, SIGNS_CERTIFICATES, OCSP],
    })
  const exceeded = (allowed: number, actual: string) =>
    ofFollowing(
      `the certificate of O=Test, CN=Narrow allows ${allowed} certificate authorities between it and a signer ` +
        `(pathLenConstraint), but there ${actual}`,
    )
  const closed = narrow(0)
  const one = makeAuthority('One', closed)
  const two = makeAuthority('Two', one)
  t.strictSame(review([makeLeaf({ issuer: closed }), closed, root]), NOTHING)
  t.strictSame(review([makeLeaf({ issuer: one }), one, closed, root]).problems, exceeded(0, 'is 1'))
  t.strictSame(review([makeLeaf({ issuer: two }), two, one, closed, root]).problems, exceeded(0, 'are 2'))
  t.throws(
    () => opensslVerify(makeLeaf({ issuer: one }), [one, closed], root),
    /path length constraint exceeded/,
  )

  const open = narrow(1)
  const below = makeAuthority('Below', open)
  t.strictSame(review([makeLeaf({ issuer: below }), below, open, root]), NOTHING)
  const lowest = makeAuthority('Lowest', below)
  t.strictSame(
    review([makeLeaf({ issuer: lowest }), lowest, below, open, root]).problems,
    exceeded(1, 'are 2'),
  )

  const renewed = makeAuthority('Narrow', closed)
  const signer = makeLeaf({ issuer: renewed })
  t.strictSame(review([signer, renewed, closed, root]), NOTHING, 'a self-issued certificate does not count')
  t.doesNotThrow(() => opensslVerify(signer, [renewed, closed], root))
})

t.test('a weak key of an issuer, the root not excepted', async (t) => {
  const key = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-224']
  const weak = makeAuthority('Weak', undefined, { key })
  t.strictSame(review([makeLeaf({ issuer: weak })], [weak]), {
    problems: ofCaCertificates(
      'the certificate of O=Test, CN=Weak has a key that is not secure, EC with 224 bits; needed is RSA with at least ' +
        '2048 bits, or EC with at least 256',
    ),
    warnings: [],
  })
})

t.test('a weak signature over the certificate of an issuer, but for the root', async (t) => {
  const old = makeAuthority('Old root', undefined, { hash: 'sha1' })
  t.strictSame(review([makeLeaf({ issuer: old })], [old]), NOTHING)
  const middle = makeAuthority('Middle', old, { hash: 'sha1' })
  t.strictSame(review([makeLeaf({ issuer: middle })], [middle, old]), {
    problems: ofCaCertificates(
      'the certificate of O=Test, CN=Middle is signed with SHA-1, which can be forged; have it issued anew',
    ),
    warnings: [],
  })
})

t.test('certificates that OpenSSL reads, with an algorithm whose parameters are wrong', async (t) => {
  const rsaRoot = makeAuthority('RSA root', undefined, { key: RSA_2048 })
  const middle = spoil(makeAuthority('Spoiled', rsaRoot))
  t.strictSame(
    review([makeLeaf({ issuer: middle }), middle], [rsaRoot]).problems,
    ofFollowing('the certificate of O=Test, CN=Spoiled is not encoded as RFC 5280 says; have it issued anew'),
  )
  t.strictSame(review([spoil(makeLeaf({ issuer: rsaRoot }))], [rsaRoot]), {
    problems: ofLeaf('is not encoded as RFC 5280 says; have it issued anew'),
    warnings: [],
  })
  t.strictSame(findPathWarnings([middle.certificate, rsaRoot.certificate]), [])
  const below = spoil(makeLeaf({ issuer: rsaRoot }))
  t.match(review([rsaRoot, below]).problems, [{ message: /; put the signer certificate first$/ }])
})

t.test('an issuer that was certified anew, beside its former certificate', async (t) => {
  const { keyFile } = issuing
  const sha1 = makeAuthority('Issuing CA', policy, { keyFile, hash: 'sha1' })
  const noAuthority = makeAuthority('Issuing CA', policy, { keyFile, extensions: [SIGNS_CERTIFICATES] })
  for (const former of [sha1, noAuthority]) {
    t.same(review([leaf, former, issuing, policy, root]), NOTHING)
    t.same(review([leaf], [root, issuing, former, policy]), NOTHING)
    t.equal(review([leaf, former, policy, root]).problems.length, 1, 'alone')
    t.match(
      review([leaf, former, issuing, policy]),
      { problems: [], warnings: [/^the chain is incomplete: missing is the certificate of O=Test, CN=Root/] },
      'without a root',
    )
    t.equal(review([leaf, former, policy]).problems.length, 1, 'alone, and without a root')
  }
  const other = makeAuthority('Other CA', root, { hash: 'sha1' })
  const below = makeAuthority('Issuing CA', other, { keyFile })
  t.equal(review([leaf, below, other, issuing]).problems.length, 1, 'no shorter path hides it')
})

t.test('of several paths one that validators accept, though another lasts longer', async (t) => {
  const { keyFile } = root
  const ending = makeAuthority('Root', undefined, { keyFile, notAfter: new Date(Date.now() + 86_400_000) })
  const bridge = makeAuthority('Bridge CA')
  const short = 'basicConstraints = critical, CA:TRUE, pathlen:0'
  const cross = makeAuthority('Root', bridge, { keyFile, extensions: [short, SIGNS_CERTIFICATES, OCSP] })
  t.same(review([leaf, issuing, policy], [ending, cross, bridge]), NOTHING)
  t.same(review([leaf, issuing, policy], [bridge, cross, ending]), NOTHING)
  t.match(review([leaf, issuing, policy], [bridge, cross]).problems, [{ message: /pathLenConstraint/ }])
})

t.test(
  'of two paths to a root that allows one authority below it the shorter, though it ends first',
  async (t) => {
    const one = 'basicConstraints = critical, CA:TRUE, pathlen:1'
    const strict = makeAuthority('Strict root', undefined, { extensions: [one, SIGNS_CERTIFICATES] })
    const notAfter = new Date(Date.now() + 86_400_000)
    const own = makeAuthority('CA', strict, { notAfter })
    const between = makeAuthority('Between', strict)
    const cross = makeAuthority('CA', between, { keyFile: own.keyFile })
    const signer = makeLeaf({ issuer: own })
    const untrusted = writeBundle(`${directory}/strict.pem`, certificatesOf([own, cross, between]))
    openssl('verify', '-trusted', strict.certificateFile, '-untrusted', untrusted, signer.certificateFile)
    t.strictSame(review([signer], [cross, between, own, strict]).problems, [])
    t.match(review([signer], [cross, between, strict]).problems, [{ message: /pathLenConstraint/ }])
    const another = makeAuthority('Another', strict)
    const second = makeAuthority('CA', another, { keyFile: own.keyFile })
    const crosses = [cross, between, second, another]
    t.strictSame(review([signer], [...crosses, own, strict]).problems, [])
    t.match(review([signer], [...crosses, strict]).problems, [{ message: /pathLenConstraint/ }])
  },
)

t.test(
  'of several paths one without what validators refuse or may refuse, though another lasts longer',
  async (t) => {
    const notAfter = new Date(Date.now() + 40 * 86_400_000)
    const otherRoot = makeAuthority('Other root')
    const own = makeAuthority('Crossed CA', root, { notAfter })
    const lower = makeAuthority('Lower CA', own)
    const extensions = [SIGNS, 'extendedKeyUsage = emailProtection', OCSP]
    const signer = makeLeaf({ issuer: lower, extensions })
    const crossedWith = (...lines: string[]) =>
      makeAuthority('Crossed CA', otherRoot, {
        keyFile: own.keyFile,
        extensions: [CA, SIGNS_CERTIFICATES, OCSP, ...lines],
      })
    const checks = ['-purpose', 'smimesign', '-policy_check']
    opensslVerify(signer, [lower, own], root, checks)
    opensslVerify(signer, [lower, crossedWith()], otherRoot, checks)
    for (const [line, ...section] of [
      ['1.2.3.4 = critical, DER:0500'],
      ['nameConstraints = critical, permitted;dirName:names', '[names]', 'O = Other'],
      ['nameConstraints = critical, excluded;dirName:names', '[names]', 'O = Test', 'CN = Lower CA'],
      ['policyConstraints = critical, requireExplicitPolicy:0'],
      ['extendedKeyUsage = serverAuth'],
    ] as const) {
      const crossed = crossedWith(line, ...section)
      t.throws(() => opensslVerify(signer, [lower, crossed], otherRoot, checks), line)
      for (const ca of [
        [own, crossed, otherRoot, root],
        [root, otherRoot, crossed, own],
      ]) {
        t.strictSame(review([signer, lower], ca), NOTHING, line)
      }
      t.not(review([signer, lower], [crossed, otherRoot]).warnings.length, 0, `${line}, alone`)
      t.match(
        review([signer, lower], [crossed, own]).warnings,
        /^the chain is incomplete: .*CN=Root/,
        'without a root',
      )
    }
    const malformed = crossedWith('certificatePolicies = DER:0500')
    t.strictSame(review([signer, lower], [malformed, own, otherRoot, root]), NOTHING, 'what only some refuse')
    const compressed = reissue(crossedWith(), otherRoot, { [CERTIFICATE.key]: withCompressedPoint(own) })
    t.strictSame(review([signer, lower], [compressed, own, otherRoot, root]), NOTHING, 'what NSS refuses')
    const brainpool = makeAuthority('Brainpool root', undefined, {
      key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:brainpoolP256r1'],
    })
    const ofBrainpool = makeAuthority('Crossed CA', brainpool, { keyFile: own.keyFile })
    t.strictSame(review([signer, lower], [ofBrainpool, own, brainpool, root]), NOTHING, 'a rare curve')

    const silent = makeAuthority('Crossed CA', otherRoot, {
      keyFile: own.keyFile,
      extensions: [CA, SIGNS_CERTIFICATES],
    })
    t.strictSame(review([signer, lower], [silent, own, otherRoot, root]), NOTHING, 'who names nobody to ask')
    t.match(
      review([signer, lower], [silent, otherRoot]).warnings,
      [/ has neither an OCSP address nor/],
      'alone',
    )
    const refused = crossedWith('1.2.3.4 = critical, DER:0500')
    t.match(
      review([signer, lower], [silent, refused, otherRoot]).warnings,
      [/ has neither an OCSP address nor/],
      'which is better than to be refused',
    )

    const valid = crossedWith('1.2.3.4 = critical, DER:0500')
    const past = {
      notBefore: new Date(Date.now() - 2 * 86_400_000),
      notAfter: new Date(Date.now() - 86_400_000),
    }
    const expired = makeAuthority('Crossed CA', root, { keyFile: own.keyFile, ...past })
    t.match(
      review([signer, lower], [expired, valid, otherRoot, root]).warnings,
      [/ 1\.2\.3\.4: validators may refuse/],
      'but none that has expired',
    )
    const sha1 = makeAuthority('Crossed CA', root, { keyFile: own.keyFile, hash: 'sha1' })
    t.strictSame(
      review([signer, lower], [sha1, valid, otherRoot, root]).problems,
      [],
      'nor one that is refused here',
    )
  },
)

t.test('what speaks against a path counts, though something that no path is without does too', async (t) => {
  const odd = makeAuthority('Odd CA', root, {
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [CA, SIGNS_CERTIFICATES, OCSP],
  })
  const lower = makeAuthority('Odd lower CA', odd, {
    extensions: [CA, SIGNS_CERTIFICATES, OCSP, '1.2.3.4 = critical, DER:0500'],
  })
  const otherRoot = makeAuthority('Other root')
  const crossed = makeAuthority('Odd CA', otherRoot, {
    keyFile: odd.keyFile,
    extensions: [CA, SIGNS_CERTIFICATES, OCSP, '1.2.3.5 = critical, DER:0500'],
  })
  const { warnings } = review([makeLeaf({ issuer: lower }), lower], [crossed, odd, otherRoot, root])
  t.equal(warnings.length, 1)
  t.match(warnings, [/ 1\.2\.3\.4: /])
})

t.test('hundreds of cross-certificates that validators refuse are no burden', async (t) => {
  const otherRoot = makeAuthority('Other root')
  const own = makeAuthority('Much crossed CA', root, { notAfter: new Date(Date.now() + 86_400_000) })
  const lower = makeAuthority('Lower CA', own)
  const signer = makeLeaf({ issuer: lower })
  const names = ['nameConstraints = critical, excluded;dirName:names', '[names]', 'O = Test', 'CN = Lower CA']
  const [first, second] = [[`${CA}, pathlen:0`], [CA, ...names]].map(([basic, ...lines]) =>
    makeAuthority('Much crossed CA', otherRoot, {
      keyFile: own.keyFile,
      extensions: [`${basic}`, SIGNS_CERTIFICATES, OCSP, ...lines],
    }),
  ) as [Issued, Issued]
  const serialNumber = (index: number) => encode(TAG.integer, Buffer.of(1, index >> 8, index & 0xff))
  const crosses = Array.from({ length: 300 }, (_, index) =>
    reissue(index % 2 === 0 ? first : second, otherRoot, { [CERTIFICATE.serialNumber]: serialNumber(index) }),
  )
  const begin = process.cpuUsage()
  t.strictSame(review([signer, lower], [...crosses, own, otherRoot, root]), NOTHING)
  t.not(review([signer, lower], [...crosses, otherRoot]).warnings.length, 0)
  const { user } = process.cpuUsage(begin)
  t.ok(user < 4_000_000, `${user} µs of the processor`)
})

t.test('an incomplete chain', async (t) => {
  const incomplete = (issuer: string, subject: string, more = '') => ({
    problems: [],
    warnings: [
      `the chain is incomplete: missing is the certificate of O=Test, CN=${issuer}, which issued that of O=Test, ` +
        `CN=${subject}; add it to the CA certificates, so that validators find their way to the root${more}`,
    ],
  })

  t.test('that ends with the files', async (t) => {
    t.strictSame(review([leaf]), incomplete('Issuing CA', 'Signer'))
    t.strictSame(review([leaf, issuing], [policy]), incomplete('Root', 'Policy CA'))
    t.strictSame(
      review([leaf, leaf, issuing], [issuing, policy]),
      incomplete('Root', 'Policy CA'),
      'duplicates',
    )
  })

  t.test('with a gap', async (t) => {
    const one =
      ' (1 other certificate is there, but not connected to it: the missing one may be the one in between)'
    const two = one.replace('1 other certificate is', '2 other certificates are')
    t.strictSame(review([leaf, issuing], [root]), incomplete('Policy CA', 'Issuing CA', one))
    t.strictSame(review([leaf, issuing, root], [root]), incomplete('Policy CA', 'Issuing CA', one))
    t.strictSame(review([leaf, policy], [root, policy]), incomplete('Issuing CA', 'Signer', two))
  })

  t.test('because of a signature that nobody here can verify', async (t) => {
    const id = '1.2.643.7.1.1.3.2' // GOST R 34.10-2012
    const gost = algorithm(id, 'absent')
    const signer = reissue(leaf, issuing, { [CERTIFICATE.signature]: gost }, gost)
    const { warnings } = incomplete(
      ...(['Issuing CA', 'Signer'] as const),
      ' (there is one of that name, but it did not issue this one: look for an older or a newer one; or the algorithm of the ' +
        `signature, ${id}, may be unknown here)`,
    )
    t.match(review([signer, issuing, policy], [root]), {
      problems: [],
      warnings: [...warnings, /is signed with an algorithm that only some validators know/],
    })
  })

  t.test('because of a key that nobody here verifies with', async (t) => {
    const dsa = ['-genparam', '-algorithm', 'DSA', '-pkeyopt', 'dsa_paramgen_bits:2048']
    const key = ['-paramfile', generateKeyFile(directory, dsa)]
    const issuer = makeAuthority('DSA root', undefined, { key })
    t.match(review([makeLeaf({ issuer })], [issuer]), {
      problems: [],
      warnings: [
        'the chain is incomplete: it ends at the certificate of O=Test, CN=Signer, as that of its issuer has a key of a type that is ' +
          'unknown here, or with which verifying takes long; some validators may not know it either',
        /is signed with an algorithm that only some validators know/,
      ],
    })
  })

  t.test('because of an authority that has another key by now', async (t) => {
    t.strictSame(
      review([leaf, makeAuthority('Issuing CA', policy)], [policy, root]),
      incomplete(
        ...(['Issuing CA', 'Signer'] as const),
        ' (there is one of that name, but it did not issue this one: look for an older or a newer one)',
      ),
    )
  })

  t.test('to an issuer that has no name', async (t) => {
    const keyFile = generateKeyFile(directory, ['-algorithm', 'ED25519'])
    const nameless = `${directory}/nameless.pem`
    openssl('req', '-x509', '-new', '-key', keyFile, '-subj', '/', '-out', nameless)
    const below = makeLeaf({ issuer: { certificateFile: nameless, keyFile, certificate: root.certificate } })
    t.match(review([below]).warnings, [
      /missing is the certificate of an issuer without a name, which issued/,
    ])
  })
})

t.test('an extension that validators cannot read, and nothing that follows from it', async (t) => {
  const because = 'because of which validators refuse it; have it issued anew'
  for (const [name, line] of [
    ['basicConstraints', '2.5.29.19 = critical, DER:0500'],
    ['keyUsage', '2.5.29.15 = DER:0500'],
    ['extendedKeyUsage', '2.5.29.37 = DER:0500'],
    ['subjectAltName', '2.5.29.17 = DER:0500'],
    ['subjectKeyIdentifier', '2.5.29.14 = DER:020101'],
    ['authorityKeyIdentifier', '2.5.29.35 = DER:020101'],
    ['nameConstraints', '2.5.29.30 = DER:0500'],
    ['crlDistributionPoints', '2.5.29.31 = DER:0500'],
  ] as const) {
    const others = (...lines: string[]) => [...lines.filter((one) => !one.startsWith(name)), OCSP, line]
    const own = makeLeaf({ issuer: issuing, extensions: others(SIGNS) })
    const message = `has a malformed extension (${name}), ${because}`
    t.strictSame(review([own, issuing, policy], [root]), { problems: ofLeaf(message), warnings: [] }, name)
    t.throws(() => opensslVerify(own, [issuing, policy], root), name)
    const odd = makeAuthority('Odd CA', root, { extensions: others(CA, SIGNS_CERTIFICATES) })
    const signer = makeLeaf({ issuer: odd, extension: 'authorityKeyIdentifier = none' })
    const ofOdd = `the certificate of O=Test, CN=Odd CA ${message}`
    t.match(review([signer, odd], [root]), { problems: ofFollowing(ofOdd) }, name)
    t.notMatch(review([signer, odd], [root]).warnings.join(), /incomplete|extended key usage/, name)
    t.throws(() => opensslVerify(signer, [odd], root), name)
    const right = makeAuthority('Odd CA', root, { keyFile: odd.keyFile })
    t.strictSame(review([signer, odd, right], [root]), NOTHING, `${name} beside a right one`)
  }
  const extensions = [CA, SIGNS_CERTIFICATES, OCSP, '2.5.29.14 = DER:020101']
  const unnamed = makeAuthority('Unnamed CA', root, { extensions })
  const signer = makeLeaf({ issuer: unnamed, extension: '2.5.29.35 = DER:3006800401020304' })
  t.strictSame(review([signer, unnamed], [root]), {
    problems: ofFollowing(
      `the certificate of O=Test, CN=Unnamed CA has a malformed extension (subjectKeyIdentifier), ${because}`,
    ),
    warnings: [],
  })
  t.throws(() => opensslVerify(signer, [unnamed], root))
})

t.test('an authority with an extension twice', async (t) => {
  const twice = Buffer.from('040401020304', 'hex')
  const basicConstraints = Buffer.from('30030101ff', 'hex')
  const extensions = extensionsOf(
    3,
    ['2.5.29.19', basicConstraints],
    ['2.5.29.14', twice],
    ['2.5.29.14', twice],
  )
  const odd = reissue(issuing, policy, { [CERTIFICATE.extensions]: extensions })
  const message =
    /^the certificate of O=Test, CN=Issuing CA is never valid: it has the extension 2\.5\.29\.14 twice; /
  t.match(review([leaf, odd, policy], [root]), { problems: [{ of: 'following', message }], warnings: [] })
  t.throws(() => opensslVerify(leaf, [odd, policy], root))
  t.strictSame(review([leaf, odd, issuing, policy], [root]), NOTHING, 'beside a right one')
})

t.test('name constraints that only some validators find fulfilled', async (t) => {
  for (const [index, [constraint, isFulfilled]] of (
    [
      ['permitted;dirName:names\n[names]\nO = Test', true],
      ['permitted;dirName:names\n[names]\nO = TEST', false],
      ['permitted;email:example.com', true],
      ['permitted;email:@example.com', false],
      ['permitted;email:@example.com, permitted;email:example.com', true],
    ] as const
  ).entries()) {
    const authority = makeAuthority(`Narrow CA ${index}`, root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, `nameConstraints = critical, ${constraint}`],
    })
    const signer = makeLeaf({ issuer: authority, extension: 'subjectAltName = email:signer@example.com' })
    const warnings = isFulfilled
      ? []
      : [/ has name constraints that limit the names of O=Test, CN=Signer by /]
    t.match(review([signer, authority], [root]), { problems: [], warnings })
    t.equal(await isTakenByNss(t, signer, [authority]), isFulfilled, constraint)
    const withoutMailbox = makeLeaf({ issuer: authority })
    const isCase = constraint.includes('TEST')
    t.equal(
      review([withoutMailbox, authority], [root]).warnings.length,
      isCase ? 1 : 0,
      `${constraint} and no mailbox`,
    )
  }
})

t.test('name constraints that only some validators compare', async (t) => {
  const forms =
    'names of a form, such as otherName or registeredID, that only some compare: some validators refuse signatures because of it ' +
    '(Bouncy Castle, PDFBox, pyHanko); '
  const user =
    'the host of an address, which has user information before it: some validators refuse signatures because of it (OpenSSL, EU DSS); '
  const address = 'an IP address: some validators refuse signatures because of it (EU DSS, pyHanko); '
  for (const [index, [line, name, why, isTakenByOpenssl]] of (
    [
      ['permitted;otherName:1.3.6.1.4.1.311.20.2.3;UTF8:@example.com', 'DNS:a', forms, true],
      ['excluded;otherName:1.3.6.1.4.1.311.20.2.3;UTF8:@example.com', 'DNS:a', forms, true],
      ['permitted;RID:1.2.3', 'DNS:a', forms, true],
      ['permitted;URI:example.com', 'URI:http://user@example.com:80/a', user, false],
      ['permitted;URI:example.com', 'URI:http://example.com:80/a@b', undefined, true],
      ['permitted;URI:example.com', 'DNS:a', undefined, true],
      ['permitted;IP:10.0.0.0/255.0.0.0', 'IP:10.1.2.3', address, true],
      ['permitted;IP:10.0.0.0/255.0.0.0', 'DNS:a', undefined, true],
    ] as const
  ).entries()) {
    const authority = makeAuthority(`Odd forms CA ${index}`, root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, `nameConstraints = critical, ${line}`],
    })
    const signer = makeLeaf({ issuer: authority, extension: `subjectAltName = ${name}` })
    t.match(review([signer, authority], [root]), { problems: [], warnings: why ? [why] : [] }, line)
    if (isTakenByOpenssl) {
      opensslVerify(signer, [authority], root)
    } else {
      t.throws(() => opensslVerify(signer, [authority], root), /permitted subtree violation/, line)
    }
  }
})

t.test('name constraints with an empty name, or a host name with a leading dot', async (t) => {
  const dot =
    'a host name with a leading dot: some validators refuse signatures because of it (EU DSS, pyHanko); '
  const empty = 'an empty name: some validators refuse signatures because of it (Java, EU DSS, pyHanko); '
  for (const [index, [line, ofHost, ofNone]] of (
    [
      ['permitted;DNS:example.com', undefined, undefined],
      ['permitted;DNS:.example.com', dot, undefined],
      ['permitted;DNS:.example.com, permitted;DNS:example.com', undefined, undefined],
      // NameConstraints with a dNSName, a directoryName, an rfc822Name and a URI that are empty
      ['DER:3006a00430028200', empty, empty],
      ['DER:3008a0063004a4023000', empty, empty],
      ['DER:3006a00430028100', empty, empty],
      ['DER:3006a10430028100', empty, empty],
      ['DER:3006a10430028600', empty, empty],
    ] as const
  ).entries()) {
    const authority = makeAuthority(`Odd CA ${index}`, root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, `nameConstraints = critical, ${line}`],
    })
    const host = { extension: 'subjectAltName = DNS:sign.example.com' }
    for (const [names, why] of [
      [host, ofHost],
      [{}, ofNone],
    ] as const) {
      const signer = makeLeaf({ issuer: authority, ...names })
      t.match(review([signer, authority], [root]), { problems: [], warnings: why ? [why] : [] }, line)
      t.ok(await isTakenByNss(t, signer, [authority]), line)
    }
  }
})

t.test('names that Java takes for hosts', async (t) => {
  const host =
    'a host name, for which its common name may be taken: some validators refuse signatures because of it (Java); '
  // NameConstraints that exclude an empty dNSName, as authorities exclude all hosts
  const hostless = 'DER:3006a10430028200'
  const only = 'permitted;DNS:example.com'
  const words = '/O=Test/CN=The Signer'
  const bouncyCastle = WITHOUT_JAVA === false ? await startBouncyCastle(t) : undefined
  for (const [index, [line, subject, extension, why]] of (
    [
      [hostless, '/O=Test/CN=Signer', '', host],
      [hostless, '/O=Test/CN=invoice-signer', 'subjectAltName = email:signer@example.com', host],
      [hostless, words, '', undefined],
      [hostless, '/O=Test/CN=seal_01', '', undefined],
      [hostless, '/O=Test/OU=Signer', '', undefined],
      [only, '/O=Test/CN=4seal-', '', host],
      [only, '/O=Test/CN=4711', '', undefined],
      [only, '/O=Test/CN=4711471147114711', '', host],
      [only, '/O=Test/CN=-4711', '', undefined],
      [only, '/O=Test/CN=Signer', 'subjectAltName = DNS:example.com', undefined],
      ['excluded;DNS:example.com', '/O=Test/CN=Signer', '', undefined],
      ['excluded;DNS:signer', '/O=Test/CN=Signer', '', host],
    ] as const
  ).entries()) {
    const authority = makeAuthority(`Host CA ${index}`, root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, `nameConstraints = critical, ${line}`],
    })
    const signer = makeLeaf({ subject, issuer: authority, extension })
    const { problems, warnings } = review([signer, authority], [root])
    t.strictSame(problems, [], line)
    t.equal(warnings.length, why === undefined ? 0 : 1, `${line} ${subject}`)
    t.match(`${warnings}`, why ?? '')
    const findings = await bouncyCastle?.chain(pemOf([signer, authority]), root.certificateFile)
    if (findings !== undefined) {
      t.equal(findings.SUN !== 'good', why === host, `${line} ${subject}, Java: ${findings.SUN}`)
      t.equal(findings.BC !== 'good', false, `${line} ${subject}, Bouncy Castle: ${findings.BC}`)
    }
  }
  const authority = makeAuthority('Host CA', root, {
    extensions: [CA, SIGNS_CERTIFICATES, OCSP, `nameConstraints = critical, ${only}`],
  })
  const below = makeAuthority('Below', authority)
  const signer = makeLeaf({ subject: words, issuer: below })
  const { problems, warnings } = review([signer, below, authority], [root])
  t.strictSame([problems, warnings.length], [[], 1])
  t.match(`${warnings}`, `O=Test, CN=Below by ${host}`)
  const findings = await bouncyCastle?.chain(pemOf([signer, below, authority]), root.certificateFile)
  t.not(findings?.SUN, 'good', 'an authority below')
})

t.test('a base that is no name is told, to a certificate without a subject too', async (t) => {
  const authority = makeAuthority('Odd Base CA', root, {
    extensions: [CA, SIGNS_CERTIFICATES, OCSP, 'nameConstraints = critical, DER:3009a0073005a403040100'],
  })
  const signer = makeLeaf({ issuer: authority, extension: 'subjectAltName = critical, email:a@example.com' })
  const nameless = reissue(signer, authority, { [CERTIFICATE.subject]: Buffer.from('3000', 'hex') })
  for (const leaf of [signer, nameless]) {
    const [problem] = review([leaf, authority], [root]).problems
    t.match(problem?.message, /CN=Odd Base CA has a malformed extension \(nameConstraints\)/)
  }
})

t.test('a proxy certificate', async (t) => {
  // ProxyCertInfo with id-ppl-inheritAll (RFC 3820 3.8)
  const line = '1.3.6.1.5.5.7.1.14 = DER:300c300a06082b06010505071501'
  const proxy = makeLeaf({ issuer: issuing, extensions: [SIGNS, FOR_DOCUMENTS, OCSP, line] })
  t.match(review([proxy, issuing, policy], [root]), {
    problems: ofLeaf('is a proxy certificate (RFC 3820), which validators refuse; have it issued anew'),
  })
  t.throws(() => opensslVerify(proxy, [issuing, policy], root))
})

t.test('two different algorithms for the signature of a certificate (RFC 5280 4.1.1.2)', async (t) => {
  const names =
    'names two different algorithms for its signature, outside and inside of what is signed (RFC 5280 4.1.1.2)'
  const because = 'because of which validators refuse it; have it issued anew'
  const other = algorithm(SHA256_WITH_RSA, 'null')
  const own = reissue(leaf, issuing, {}, other)
  t.strictSame(review([own, issuing, policy], [root]), {
    problems: ofLeaf(`${names}, ${because}`),
    warnings: [],
  })
  t.throws(() => opensslVerify(own, [issuing, policy], root), /certificate signature failure/)
  const odd = reissue(issuing, policy, {}, other)
  t.strictSame(review([leaf, odd, policy], [root]), {
    problems: ofFollowing(`the certificate of O=Test, CN=Issuing CA ${names}, ${because}`),
    warnings: [],
  })
  t.throws(() => opensslVerify(leaf, [odd, policy], root), /certificate signature failure/)
  const oddRoot = reissue(root, root, {}, other)
  t.strictSame(review([leaf, issuing, policy], [oddRoot]), {
    problems: [],
    warnings: [
      `the chain is incomplete: it ends at the certificate of O=Test, CN=Root, which ${names}, so that its signature ` +
        'cannot be verified; have it issued anew',
    ],
  })
  t.doesNotThrow(() => opensslVerify(leaf, [issuing, policy], oddRoot), 'it is trusted without its signature')
})

t.test('a self-signed signer, which may be in the other file as well', async (t) => {
  const signer = makeLeaf({ extensions: ['basicConstraints = CA:FALSE', SIGNS] })
  for (const ca of [[root], [signer]]) {
    t.strictSame(review([signer], ca), {
      problems: [],
      warnings: [
        `the certificate of ${SUBJECT} is self-signed: validators trust its signatures only where it is installed itself`,
      ],
    })
  }
})

/**
 * Signs with a signer's key, and returns whether NSS takes the signature, as OpenSSL does.
 *
 * @param signing arguments of `openssl cms` about how it signs
 */
async function isTakenByNss(
  t: Test,
  signer: Issued,
  issuers: readonly Issued[],
  signing: readonly string[] = [],
  isTakenByOpenssl = true,
): Promise<boolean> {
  const folder = mkdtempSync(`${directory}/nss-`)
  const [document, bundle, output] = ['document', 'issuers.pem', 'cms'].map(
    (name) => `${folder}/${name}`,
  ) as [string, string, string]
  const content = Buffer.from('a document')
  writeFileSync(document, content)
  writeBundle(bundle, certificatesOf(issuers))
  const { certificateFile, keyFile } = signer
  const others = issuers.length === 0 ? [] : ['-certfile', bundle]
  const files = ['-signer', certificateFile, '-inkey', keyFile, ...signing, ...others]
  openssl('cms', '-sign', '-binary', '-in', document, ...files, '-outform', 'DER', '-out', output)
  const cms = readFileSync(output)
  const verification = await verifyCms({ cms, content, trustAnchors: root.certificateFile, cades: false })
  t.equal(verification.valid, isTakenByOpenssl, `OpenSSL ${isTakenByOpenssl ? 'takes' : 'refuses'} it`)
  return (await cmsutil(cms, content, await nssDatabase)).valid
}

const nssDatabase = makeNssDatabase(`${directory}/nss`, [root.certificateFile])

t.test('the extended key usage of a signer', async (t) => {
  const withPurposes = (line: string) =>
    review([makeLeaf({ issuer: root, extensions: [SIGNS, OCSP, line] })], [root])
  const warning = (purposes: string) => ({
    problems: [],
    warnings: [
      `the certificate of ${SUBJECT} is not for signing documents, by its extended key usage (${purposes}); validators ` +
        'may refuse its signatures: have it issued with documentSigning (1.3.6.1.5.5.7.3.36) and emailProtection',
    ],
  })
  t.strictSame(
    withPurposes('extendedKeyUsage = serverAuth, clientAuth, codeSigning, timeStamping, OCSPSigning, 1.2.3'),
    warning('serverAuth, clientAuth, codeSigning, timeStamping, OCSPSigning, 1.2.3'),
  )
  t.strictSame(withPurposes('2.5.29.37 = DER:3000'), warning('none'))
})

t.test('a signer, or an authority, that is not for e-mail, as NSS wants it for documents too', async (t) => {
  const notForMail = (subject: string) =>
    `the certificate of ${subject} is not for e-mail, by its extended key usage or Netscape's type: NSS and pdfsig refuse ` +
    'signatures because of it; have it issued with emailProtection too'
  for (const [line, taken] of [
    ['extendedKeyUsage = emailProtection', true],
    ['extendedKeyUsage = clientAuth, emailProtection', true],
    ['extendedKeyUsage = 1.3.6.1.5.5.7.3.36, emailProtection', true],
    ['extendedKeyUsage = 1.3.6.1.5.5.7.3.36', false],
    ['extendedKeyUsage = 1.3.6.1.4.1.311.10.3.12', false],
    ['extendedKeyUsage = 1.2.840.113583.1.1.5', false],
    ['extendedKeyUsage = anyExtendedKeyUsage', false],
    ['nsCertType = email', true],
    ['nsCertType = email, objsign', true],
    ['nsCertType = server', false],
    ['nsCertType = objsign', false],
  ] as const) {
    const signer = makeLeaf({ issuer: root, extensions: [SIGNS, OCSP, line] })
    const warnings = taken ? [] : [notForMail(SUBJECT)]
    t.strictSame(review([signer], [root]), { problems: [], warnings }, line)
    t.equal(await isTakenByNss(t, signer, []), taken, line)
  }
  const ofAuthority: readonly (readonly [string, isForMail: boolean, takenByCmsutil?: boolean])[] = [
    ['extendedKeyUsage = emailProtection', true],
    // pdfsig does not take it
    ['extendedKeyUsage = 1.3.6.1.5.5.7.3.36', false, true],
    ['extendedKeyUsage = anyExtendedKeyUsage', false],
    ['nsCertType = emailCA', true],
    ['nsCertType = sslCA', true],
    ['nsCertType = objCA', false],
  ]
  for (const [index, [line, isForMail, taken = isForMail]] of ofAuthority.entries()) {
    const authority = makeAuthority(`Mail CA ${index}`, root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, line],
    })
    const signer = makeLeaf({ issuer: authority })
    const warnings = isForMail ? [] : [notForMail(`O=Test, CN=Mail CA ${index}`)]
    t.strictSame(review([signer, authority], [root]), { problems: [], warnings }, line)
    t.equal(await isTakenByNss(t, signer, [authority]), taken, line)
  }
  const ownRoot = makeAuthority('Server root', undefined, {
    extensions: [CA, SIGNS_CERTIFICATES, 'nsCertType = objCA'],
  })
  t.strictSame(review([makeLeaf({ issuer: ownRoot })], [ownRoot]), NOTHING, 'a root')
})

t.test('an authority without key usage', async (t) => {
  const authority = makeAuthority('Any CA', root, { extensions: [CA, OCSP] })
  t.strictSame(review([makeLeaf({ issuer: authority }), authority], [root]), {
    problems: [],
    warnings: [
      'the certificate of O=Test, CN=Any CA has no key usage, which RFC 5280 4.2.1.3 demands of authorities: EU DSS refuses ' +
        'signatures because of it; have it issued anew',
    ],
  })
  const ownRoot = makeAuthority('Any root', undefined, { extensions: [CA] })
  t.strictSame(review([makeLeaf({ issuer: ownRoot })], [ownRoot]), NOTHING, 'a root')
})

t.test('signatures over certificates of algorithms that only some validators know', async (t) => {
  const rsa = makeAuthority('RSA CA', root, { key: RSA_2048 })
  const ed25519 = makeAuthority('Ed25519 CA', root, { key: ['-algorithm', 'ED25519'] })
  const pss = ['-sigopt', 'rsa_padding_mode:pss']
  const unusualPss = '1.2.840.113549.1.1.10 with unusual parameters'
  for (const [issuer, options, algorithm, taken] of [
    [rsa, { hash: 'sha224' }, undefined, true],
    [rsa, { signing: pss }, undefined, true],
    // EU DSS alone refuses two hashes
    [rsa, { signing: [...pss, '-sigopt', 'rsa_mgf1_md:sha1'] }, unusualPss, true],
    [rsa, { hash: 'sha512-256', signing: pss }, unusualPss, false],
    [rsa, { hash: 'sha3-256' }, '2.16.840.1.101.3.4.3.14', false],
    [ed25519, { hash: 'default' }, '1.3.101.112', false],
  ] as const) {
    const signer = makeLeaf({ issuer, ...options })
    const warnings =
      algorithm === undefined
        ? []
        : [
            `the certificate of ${SUBJECT} is signed with an algorithm that only some validators know (${algorithm}): others refuse ` +
              'signatures because of it (some of NSS, pdfsig and EU DSS); have it issued with RSA or ECDSA and SHA-2',
          ]
    t.strictSame(review([signer, issuer], [root]), { problems: [], warnings })
    t.equal(await isTakenByNss(t, signer, [issuer]), taken, algorithm ?? 'known to all')
  }
})

t.test('a signature of an algorithm with an identifier that is too long to be read', async (t) => {
  const long = algorithm(`1.2${'.268435455'.repeat(28)}`, 'absent')
  t.match(
    review([reissue(leaf, issuing, { [CERTIFICATE.signature]: long }, long), issuing, policy], [root]),
    {
      problems: [],
      warnings: [
        /^the chain is incomplete: .*; or the algorithm of the signature, one that cannot be read, may be unknown here\)$/,
        / is not DER in its depths \(.* an object identifier is too long\)/,
        /is signed with an algorithm that only some validators know \(one that cannot be read\)/,
      ],
    },
  )
})

t.test('what OpenSSL reads in a certificate of a signer, and NSS does not', async (t) => {
  const above = [issuing, policy, root]
  const isRead = (signer: Issued) => isTakenByNss(t, signer, [issuing, policy])
  const signer = makeLeaf({
    issuer: issuing,
    extensions: [SIGNS, OCSP, 'authorityKeyIdentifier = keyid:always'],
  })
  const withSerial = (...octets: number[]) =>
    reissue(signer, issuing, { [CERTIFICATE.serialNumber]: encode(TAG.integer, Buffer.from(octets)) })
  const nineteen = Array.from({ length: 19 }, () => 0xff)
  for (const read of [signer, withSerial(0, ...nineteen), withSerial(0xfb)]) {
    t.ok(await isRead(read))
    t.same(review([read, ...above]), NOTHING)
  }
  for (const [unread, warning] of [
    [
      withSerial(0, 0xff, ...nineteen),
      /^the certificate of O=Test, CN=Signer has a serial number of 21 octets/,
    ],
    [
      reissue(signer, issuing, { [CERTIFICATE.key]: withCompressedPoint(signer) }),
      /^the certificate of O=Test, CN=Signer has the point of its key in a compressed form/,
    ],
  ] as const) {
    t.notOk(await isRead(unread))
    t.match(review([unread, ...above]), { problems: [], warnings: [warning] })
  }
})

t.test('the point of the key of an authority in a form that NSS does not read', async (t) => {
  const compressed = makeAuthority('Compressed CA', root)
  const authority = reissue(compressed, root, { [CERTIFICATE.key]: withCompressedPoint(compressed) })
  const signer = makeLeaf({ issuer: authority })
  t.match(review([signer, authority], [root]), {
    problems: [],
    warnings: [
      /^the certificate of O=Test, CN=Compressed CA has the point of .*; have its authority certify the key anew/,
    ],
  })
  t.notOk(await isTakenByNss(t, signer, [authority]))
})

t.test('an authority with a key on a curve that only some validators know', async (t) => {
  for (const [curve, isKnown] of [
    ['P-384', true],
    ['P-521', true],
    ['brainpoolP256r1', false],
    ['secp256k1', false],
  ] as const) {
    const authority = makeAuthority(`CA on ${curve}`, root, {
      key: ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`],
    })
    const signer = makeLeaf({ issuer: authority })
    const warning = `the certificate of O=Test, CN=CA on ${curve} has a key on a curve that only some validators know (${curve}): `
    t.match(review([signer, authority], [root]), { problems: [], warnings: isKnown ? [] : [warning] })
    t.equal(await isTakenByNss(t, signer, [authority]), isKnown, curve)
  }
})

t.test('a root with the authorityKeyIdentifier of another certificate', async (t) => {
  const identified = [CA, SIGNS_CERTIFICATES, OCSP, 'subjectKeyIdentifier = hash']
  const former = makeAuthority('Renewed root', undefined, { extensions: identified })
  const issuerAndSerial = ['authorityKeyIdentifier = keyid:always, issuer:always']
  const renewed = makeAuthority('Renewed root', former, {
    extensions: [...identified, ...issuerAndSerial],
    keyFile: former.keyFile,
  })
  const other = makeAuthority('Other root', undefined, {
    extensions: [...identified, 'authorityKeyIdentifier = DER:3004800201ff'],
  })
  for (const odd of [renewed, other]) {
    const signer = makeLeaf({ issuer: odd, extensions: [SIGNS, FOR_DOCUMENTS, OCSP] })
    t.throws(() => opensslVerify(signer, [], odd), /unable to get (?:local )?issuer certificate/)
    t.match(review([signer], [odd]), {
      problems: [],
      warnings: [
        /^the certificate of O=Test, CN=\w+ root, which is self-signed, has the authorityKeyIdentifier of another one/,
      ],
    })
  }
})

t.test('an authorityKeyIdentifier of another certificate of the issuer', async (t) => {
  const identified = [CA, SIGNS_CERTIFICATES, OCSP, 'subjectKeyIdentifier = hash']
  const former = makeAuthority('Renewed CA', root, {
    extensions: identified,
    notAfter: new Date(Date.now() + 40 * 86_400_000),
  })
  const renewed = makeAuthority('Renewed CA', root, { extensions: identified, keyFile: former.keyFile })
  const below = (issuer: Issued) =>
    makeLeaf({
      issuer,
      extensions: [SIGNS, FOR_DOCUMENTS, OCSP, 'authorityKeyIdentifier = keyid:always, issuer:always'],
    })
  for (const issuer of [former, renewed]) {
    const signer = below(issuer)
    const other = issuer === former ? renewed : former
    for (const files of [
      [former, renewed],
      [renewed, former],
    ]) {
      t.strictSame(review([signer], [...files, root]), NOTHING, 'that is there')
    }
    opensslVerify(signer, [former, renewed], root, [])
    t.match(review([signer], [other, root]), {
      problems: [],
      warnings: [
        /^the certificate of O=Test, CN=Signer has an authorityKeyIdentifier with issuer and serial number/,
      ],
    })
    t.throws(() => opensslVerify(signer, [other], root, []), /unable to get local issuer certificate/)
  }
  const anotherRoot = makeAuthority('Another root')
  const foreign = makeAuthority('Renewed CA', anotherRoot, {
    ...{ extensions: identified, keyFile: former.keyFile },
  })
  const unanswerable = makeAuthority('Renewed CA', root, {
    ...{ extensions: [CA, SIGNS_CERTIFICATES, 'subjectKeyIdentifier = hash'], keyFile: former.keyFile },
  })
  for (const [named, why] of [
    [foreign, 'whose root is not there'],
    [unanswerable, 'of which nobody can be asked'],
  ] as const) {
    const signer = below(named)
    const files = certificatesOf([named, renewed, root])
    const { issuers } = buildSignerChain(signer.certificate, files, AT)
    t.strictSame(issuers, certificatesOf([renewed, root]), why)
    t.match(review([signer], [named, renewed, root]).warnings, [
      /\(OpenSSL, pyHanko\); add that certificate with those above it, or have this one issued anew$/,
    ])
    t.ok(await isTakenByNss(t, signer, [renewed], [], false), why)
  }
  t.notOk(await isTakenByNss(t, below(foreign), [foreign], [], false))
  t.strictSame(review([below(foreign)], [renewed, foreign, root, anotherRoot]), NOTHING)
  const ofAnotherKey = makeAuthority('Renewed CA', root, { extensions: identified })
  t.match(review([below(former)], [ofAnotherKey, root]).warnings, [/^the chain is incomplete: /])
})

t.test('a key for RSASSA-PSS alone, of a signer and of its authority', async (t) => {
  for (const [key, isKnown] of [
    [RSA_2048, true],
    [rsaPss(), false],
  ] as const) {
    const signer = makeLeaf({ issuer: root, key })
    const warning =
      /^the certificate of O=Test, CN=Signer has a key for RSASSA-PSS alone .* issued for rsaEncryption/
    t.match(review([signer], [root]), { problems: [], warnings: isKnown ? [] : [warning] })
    t.equal(await isTakenByNss(t, signer, [], ['-keyopt', 'rsa_padding_mode:pss']), isKnown)
  }
  const authority = makeAuthority('PSS CA', root, { key: rsaPss() })
  const below = makeLeaf({ issuer: authority })
  t.strictSame(review([below, authority], [root]), NOTHING)
  t.ok(await isTakenByNss(t, below, [authority]))
})

t.test('fields that OpenSSL reads, and some other validators do not', async (t) => {
  const authority = makeAuthority('RSA CA', root, { key: RSA_2048 })
  const below = makeLeaf({ issuer: authority })
  const signer = makeLeaf({ issuer: root, key: RSA_2048 })
  const withKey = (issued: Issued, encodeKey: (modulus: Buffer, exponent: Buffer) => Buffer) => {
    const [toBeSigned] = elementsOf(issued.certificate.raw) as [Buffer]
    const [identifier] = elementsOf(elementsOf(toBeSigned)[CERTIFICATE.key] as Buffer) as [Buffer]
    const { n = '' } = issued.certificate.publicKey.export({ format: 'jwk' })
    const octets = encodeKey(
      Buffer.from(`00${Buffer.from(n, 'base64url').toString('hex')}`, 'hex'),
      Buffer.of(1, 0, 1),
    )
    const key = encode(TAG.sequence, identifier, encode(TAG.bitString, Buffer.of(0), octets))
    return reissue(issued, root, { [CERTIFICATE.key]: key })
  }
  const encodeNumbers = (...numbers: Buffer[]) =>
    encode(TAG.sequence, ...numbers.map((number) => encode(TAG.integer, number)))
  for (const [isFlawed, encodeKey, isTaken = !isFlawed] of [
    [false, encodeNumbers],
    [true, (modulus, exponent) => encodeNumbers(modulus, Buffer.concat([Buffer.of(0), exponent]))],
    [true, (modulus, exponent) => encodeNumbers(modulus.subarray(1), exponent), true],
    [true, (modulus, exponent) => Buffer.concat([encodeNumbers(modulus, exponent), Buffer.of(5, 0)])],
  ] as readonly (readonly [boolean, (modulus: Buffer, exponent: Buffer) => Buffer, boolean?])[]) {
    for (const [name, chain] of [
      ['Signer', [withKey(signer, encodeKey)]],
      ['RSA CA', [below, withKey(authority, encodeKey)]],
    ] as const) {
      const { problems, warnings } = review(chain, [root])
      t.strictSame(problems, [])
      t.equal(warnings.length, isFlawed ? 1 : 0)
      t.ok(
        warnings.every((one) =>
          one.startsWith(`the certificate of O=Test, CN=${name} has a key that is not the DER`),
        ),
      )
    }
    t.equal(await isTakenByNss(t, withKey(signer, encodeKey), []), isTaken)
  }
  const version = (number: number) => ({
    [CERTIFICATE.version]: encode(contextTag(0), encode(TAG.integer, Buffer.of(number))),
  })
  for (const [fields, warning] of [
    [version(1), /has version 2, where 3 is/],
    [version(3), /has version 4, where 3 is/],
    [{ [CERTIFICATE.subject]: encode(TAG.sequence) }, /has no subject, and no critical subjectAltName/],
  ] as const) {
    t.match(review([reissue(leaf, issuing, fields), issuing, policy], [root]), {
      problems: [],
      warnings: [warning],
    })
  }
  for (const [type, tag, isOdd] of [
    ['2.5.4.16', TAG.sequence, true],
    ['2.5.4.45', TAG.bitString, true],
    ['2.5.4.5', TAG.numericString, true],
    ['2.5.4.45', TAG.utf8String, true],
    ['2.5.4.20', TAG.utf8String, true],
    ['2.5.4.20', TAG.printableString, false],
    ['1.2.840.113549.1.9.1', TAG.bmpString, true],
    ['0.9.2342.19200300.100.1.25', TAG.teletexString, true],
    ['0.9.2342.19200300.100.1.25', TAG.utf8String, false],
    ['0.9.2342.19200300.100.1.25', TAG.ia5String, false],
    ['2.5.4.5', TAG.printableString, false],
  ] as const) {
    const value =
      tag === TAG.sequence
        ? encode(tag, encode(TAG.utf8String, Buffer.from('1')))
        : encode(tag, Buffer.from(tag === TAG.bitString || tag === TAG.bmpString ? '0031' : '31', 'hex'))
    const odd = encode(TAG.set, encode(TAG.sequence, encodeObjectIdentifier(type), value))
    const subject = Buffer.concat([...elementsOf(readCertificateFields(leaf.certificate).subject), odd])
    const named = reissue(leaf, issuing, { [CERTIFICATE.subject]: encode(TAG.sequence, subject) })
    t.doesNotThrow(() => opensslVerify(named, [issuing, policy], root))
    const { problems, warnings } = review([named, issuing, policy], [root])
    t.match([problems, warnings.length], [[], isOdd ? 1 : 0], `${type} ${tag}`)
    t.match(
      warnings[0] ?? '',
      isOdd ? /has an attribute in the name of its subject or issuer whose value is/ : '',
    )
  }
  const commonName = attribute(COMMON_NAME, TAG.utf8String, 'Signer')
  const empty = encode(TAG.sequence, encode(TAG.set), encode(TAG.set, commonName))
  const odd = reissue(issuing, policy, { [CERTIFICATE.subject]: empty })
  for (const chain of [
    [reissue(leaf, issuing, { [CERTIFICATE.subject]: empty }), issuing],
    [reissue(leaf, issuing, { [CERTIFICATE.issuer]: empty }), odd],
  ] as const) {
    const { problems, warnings } = review([...chain, policy], [root])
    t.doesNotThrow(() => opensslVerify(chain[0], [chain[1], policy], root))
    t.strictSame(problems, [])
    t.not(warnings.length, 0)
    for (const warning of warnings) {
      t.match(warning, /has an RDN without attributes in the name of its subject or issuer/)
    }
  }
  const named = makeLeaf({
    issuer: issuing,
    extension: 'subjectAltName = critical, email:signer@example.com',
  })
  const unnamed = reissue(named, issuing, { [CERTIFICATE.subject]: encode(TAG.sequence) })
  t.strictSame(review([unnamed, issuing, policy], [root]), NOTHING)
})

t.test('certificates of which nobody can be asked whether they were revoked, but for the root', async (t) => {
  const warning = (name: string) =>
    `the certificate of O=Test, CN=${name} has neither an OCSP address nor that of a CRL: Document Engine ` +
    'cannot embed revocation data, and signatures are without long-term validation (LTV)'
  const bareRoot = makeAuthority('Bare root', undefined, { extensions: [CA] })
  const bare = makeAuthority('Bare CA', bareRoot, { extensions: [CA, SIGNS_CERTIFICATES] })
  const full = makeAuthority('Full CA', bareRoot, {
    extensions: [CA, SIGNS_CERTIFICATES, 'crlDistributionPoints = URI:http://ca.test/crl'],
  })
  const extensions = [SIGNS, FOR_DOCUMENTS]
  const warningsOf = (signer: Issued) => review([signer], [bare, full, bareRoot])
  t.strictSame(warningsOf(makeLeaf({ issuer: bare, extensions })), {
    problems: [],
    warnings: [warning('Signer'), warning('Bare CA')],
  })
  t.strictSame(warningsOf(makeLeaf({ issuer: full, extensions })).warnings, [warning('Signer')])
  t.strictSame(warningsOf(makeLeaf({ issuer: bare })).warnings, [warning('Bare CA')])
  const unreadable = makeLeaf({ issuer: full, extensions: [...extensions, '1.3.6.1.5.5.7.1.1 = DER:0500'] })
  t.strictSame(warningsOf(unreadable).warnings, [
    'the certificate of O=Test, CN=Signer has a malformed extension (authorityInfoAccess): some validators may refuse ' +
      'signatures because of it',
    warning('Signer'),
  ])
})

t.test('certificates that are not DER in their depths', async (t) => {
  const [first, second] = [
    attribute(COMMON_NAME, TAG.utf8String, 'Signer'),
    attribute('2.5.4.5', TAG.printableString, '4711'),
  ]
  const subjectOf = (...attributes: Buffer[]) => encode(TAG.sequence, encode(TAG.set, ...attributes))
  const warningsOf = (subject: Buffer) => {
    const signer = reissue(makeLeaf({ issuer: root }), root, { [CERTIFICATE.subject]: subject })
    return review([signer], [root]).warnings.filter((warning) => warning.includes('DER'))
  }
  t.strictSame(warningsOf(subjectOf(second, first)), [])
  const attributes = Buffer.concat([second, first])
  const inLongForm = Buffer.concat([Buffer.of(TAG.set, 0x81, attributes.length), attributes])
  t.match(warningsOf(encode(TAG.sequence, inLongForm)), [/ is not DER in its depths /])
  t.strictSame(warningsOf(subjectOf(first, second)), [
    'the certificate of CN=Signer + serialNumber=4711 is not DER in its depths (it is no DER: the elements of a SET OF are in ' +
      'another order): some validators encode it anew, and do not find it in signatures then (EU DSS); have it issued anew',
  ])
})

t.test('certificates with the name of their issuer in other octets', async (t) => {
  const name = (tag: number) => encode(TAG.sequence, encode(TAG.set, attribute(COMMON_NAME, tag, 'Root CA')))
  const authority = reissue(root, root, {
    [CERTIFICATE.issuer]: name(TAG.utf8String),
    [CERTIFICATE.subject]: name(TAG.utf8String),
  })
  const warningsOf = (tag: number) => {
    const signer = reissue(makeLeaf({ issuer: root }), root, { [CERTIFICATE.issuer]: name(tag) })
    const { problems, warnings } = review([signer], [authority])
    t.strictSame(problems, [])
    return warnings.filter((warning) => warning.includes('encoding'))
  }
  t.strictSame(warningsOf(TAG.utf8String), [])
  t.strictSame(warningsOf(TAG.printableString), [
    `the certificate of ${SUBJECT} has the name of its issuer in another encoding than the issuer's own certificate, such as ` +
      'another type of string: some validators do not find the issuer (NSS, EU DSS); have it issued anew',
  ])
  const other = reissue(authority, authority, {
    [CERTIFICATE.issuer]: name(TAG.printableString),
    [CERTIFICATE.subject]: name(TAG.printableString),
  })
  const signer = reissue(makeLeaf({ issuer: root }), root, {
    [CERTIFICATE.issuer]: name(TAG.printableString),
  })
  for (const both of [
    [authority, other],
    [other, authority],
  ]) {
    t.strictSame(review([signer], both).warnings, [], 'the one that they find')
  }
})

t.test('addresses that are never asked', async (t) => {
  const ldap = 'URI:ldap://ca.test/cn=list'
  const warningsOf = (...lines: string[]) =>
    review([makeLeaf({ issuer: root, extensions: [SIGNS, FOR_DOCUMENTS, ...lines] })], [root]).warnings
  const never = 'ldap://ca.test/cn=list: it is neither http nor https'
  t.strictSame(warningsOf(`crlDistributionPoints = ${ldap}`, `authorityInfoAccess = OCSP;${ldap}`), [
    `the certificate of ${SUBJECT} names nobody who is ever asked whether it was revoked (${never}; ${never}): ` +
      'Document Engine cannot embed revocation data, and signatures are without long-term validation (LTV)',
  ])
  const silent = 'nobody stands in where its other addresses do not answer'
  t.strictSame(warningsOf(OCSP, `crlDistributionPoints = ${ldap}`), [
    `the certificate of ${SUBJECT} has no CRL distribution point that is ever asked (${never}): ${silent}`,
  ])
  t.strictSame(
    warningsOf(`authorityInfoAccess = OCSP;${ldap}`, 'crlDistributionPoints = URI:http://ca.test/'),
    [`the certificate of ${SUBJECT} has no OCSP address that is ever asked (${never}): ${silent}`],
  )
  t.strictSame(
    warningsOf(`crlDistributionPoints = ${ldap}, URI:http://ca.test/`),
    [],
    'directories beside HTTP',
  )
  const pointOf = (field: string) => [
    ...['crlDistributionPoints = point', '[point]', 'fullname = URI:http://ca.test/', field],
    ...['[other]', 'CN = other'],
  ]
  const others = [
    ['reasons = keyCompromise', 'it has a CRL for some reasons only'],
    ['CRLissuer = dirName:other', 'it has the CRL of another issuer'],
  ] as const
  for (const [field, why] of others) {
    t.strictSame(warningsOf(OCSP, ...pointOf(field)), [
      `the certificate of ${SUBJECT} has no CRL distribution point that is ever asked (http://ca.test/: ${why}): ${silent}`,
    ])
  }
})

const ofSome = (subject: string, names: string) =>
  `the certificate of ${subject} has a critical extension that only some validators know (${names}): others refuse signatures ` +
  'because of it'

t.test('critical extensions that validators may not know, in the leaf and above it', async (t) => {
  const unknown = '1.2.3.4 = critical, DER:0500'
  const odd = makeAuthority('Odd CA', root, { extensions: [CA, SIGNS_CERTIFICATES, OCSP, unknown] })
  const signer = makeLeaf({
    issuer: odd,
    extensions: [SIGNS, FOR_DOCUMENTS, OCSP, '2.5.29.36 = critical, DER:3003800100'],
  })
  const because = 'validators may refuse signatures because of it'
  t.strictSame(review([signer, odd], [root]), {
    problems: [],
    warnings: [
      ofSome(SUBJECT, 'policyConstraints'),
      `the certificate of ${SUBJECT} demands a policy (policyConstraints) that the certificates of the path do not have: ${because}`,
      `the certificate of O=Test, CN=Odd CA has a critical extension that is not supported, 1.2.3.4: ${because}`,
    ],
  })
  t.throws(() => opensslVerify(signer, [odd], root), /unhandled critical extension/)
  const understood = [
    ...['basicConstraints = critical, CA:FALSE', SIGNS, 'extendedKeyUsage = critical, emailProtection', OCSP],
    'subjectAltName = critical, email:a@b',
  ]
  const plain = makeLeaf({ issuer: root, extensions: understood })
  t.strictSame(review([plain], [root]), NOTHING)
  t.ok(await isTakenByNss(t, plain, []))
  for (const [line, name, takenByNss] of [
    ['crlDistributionPoints = critical, URI:http://ca.test/', 'crlDistributionPoints', false],
    ['certificatePolicies = critical, 1.2.3', 'certificatePolicies', false],
    ['noCheck = critical, ignored', 'ocspNoCheck', true],
  ] as const) {
    const some = makeLeaf({ issuer: root, extensions: [...understood, line] })
    t.strictSame(review([some], [root]), { problems: [], warnings: [ofSome(SUBJECT, name)] })
    t.equal(await isTakenByNss(t, some, []), takenByNss, line)
  }
  const purposes = makeAuthority('Purpose CA', root, {
    extensions: [CA, SIGNS_CERTIFICATES, OCSP, 'extendedKeyUsage = critical, emailProtection'],
  })
  t.strictSame(review([makeLeaf({ issuer: purposes }), purposes], [root]), {
    problems: [],
    warnings: [ofSome('O=Test, CN=Purpose CA', 'extendedKeyUsage')],
  })
})

t.test('names that an authority must not certify', async (t) => {
  const because = 'validators may refuse signatures because of it'
  const constrained = (line: string, name = 'Constrained CA', issuer = root) =>
    makeAuthority(name, issuer, { extensions: [CA, SIGNS_CERTIFICATES, OCSP, line] })
  const narrow = constrained('nameConstraints = critical, permitted;email:example.com')
  const named = (email: string, issuer = narrow) =>
    makeLeaf({ issuer, extensions: [SIGNS, FOR_DOCUMENTS, OCSP, `subjectAltName = email:${email}`] })
  t.strictSame(review([named('a@example.com'), narrow], [root]), NOTHING)
  const wrong = named('a@example.org')
  t.strictSame(review([wrong, narrow], [root]), {
    problems: [],
    warnings: [
      `the certificate of ${SUBJECT} has the e-mail address a@example.org for a name, which the name constraints of the ` +
        `certificate of O=Test, CN=Constrained CA forbid: ${because}`,
    ],
  })
  t.throws(() => opensslVerify(wrong, [narrow], root), /permitted subtree violation/)
  const odd = constrained('nameConstraints = permitted;otherName:1.2.3;UTF8:a')
  const other = makeLeaf({ issuer: odd, extension: 'subjectAltName = otherName:1.2.3;UTF8:a' })
  t.strictSame(review([other, odd], [root]).warnings, [
    `the certificate of ${SUBJECT} has a name that cannot be compared with the name constraints of the certificate of ` +
      `O=Test, CN=Constrained CA: ${because}`,
  ])
  const tests = [
    'nameConstraints = critical, excluded;dirName:names',
    '[names]',
    'O = Test',
    'CN = Renewed CA',
  ]
  const top = makeAuthority('Renewed CA', root, { extensions: [CA, SIGNS_CERTIFICATES, OCSP, ...tests] })
  const renewed = makeAuthority('Renewed CA', top)
  const signer = makeLeaf({ issuer: renewed })
  t.strictSame(
    review([signer, renewed, top], [root]),
    NOTHING,
    'a self-issued certificate is not constrained',
  )
  t.doesNotThrow(() => opensslVerify(signer, [renewed, top], root))
})

t.test('an issuer whose extended key usage leaves documents out', async (t) => {
  const withPurpose = (purpose: string) =>
    makeAuthority('Purpose CA', root, {
      extensions: [CA, SIGNS_CERTIFICATES, OCSP, `extendedKeyUsage = ${purpose}`],
    })
  const servers = withPurpose('serverAuth')
  t.strictSame(review([makeLeaf({ issuer: servers }), servers], [root]), {
    problems: [],
    warnings: [
      'the certificate of O=Test, CN=Purpose CA is not for signing documents, by its extended key usage (serverAuth); ' +
        'validators that take this for a limit of what it certifies may refuse signatures',
    ],
  })
  const mail = withPurpose('serverAuth, emailProtection')
  t.strictSame(review([makeLeaf({ issuer: mail }), mail], [root]), NOTHING)
})

/** Throws what `openssl verify` says against the chain. */
function opensslVerify(
  signer: Issued,
  untrusted: readonly Issued[],
  anchor: Issued,
  checks: readonly string[] = [],
): void {
  const intermediates = untrusted.flatMap(({ certificateFile }) => ['-untrusted', certificateFile])
  openssl('verify', ...checks, '-trusted', anchor.certificateFile, ...intermediates, signer.certificateFile)
}
