import t from 'tap'
import { HASH_ALGORITHMS, SHA_256 } from '../../src/algorithms/hash-algorithms.ts'
import type { ContainerConfiguration } from '../../src/configuration/container-configuration.ts'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import {
  certificateFromFiles,
  certificateFromToken,
  warnAboutUnused,
} from '../../src/configuration/signer-certificate.ts'
import type { SignerCertificate, SignerRules } from '../../src/configuration/signer-configuration.ts'
import {
  generateKeyFile,
  type Issued,
  type IssueOptions,
  issue,
  RSA_2048,
  rsaPss,
  spoil,
  withLongLength,
  writePlainRsaKey,
} from '../support/certificates.ts'
import { DEFAULT_CONTAINER } from '../support/container-configuration.ts'
import { crlAt, ocspAt } from '../support/revocation-chain.ts'

const directory = t.testdir()
const RULES: SignerRules = {
  ...{ containers: ['pkcs7'], signatureTypes: ['cades'], hashAlgorithms: HASH_ALGORITHMS },
  ...{ minimumDaysLeft: 0, raw: false, rawSigning: 'any' },
}
const COMMON = { settings: VARIABLE_SETTINGS, container: DEFAULT_CONTAINER, rules: RULES }
const root = issue(directory, { subject: '/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing CA', ca: true, issuer: root })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: issuing, key: RSA_2048 })
const other = issue(directory, { subject: '/CN=Other', issuer: issuing, key: RSA_2048 })

function certificatesOf(...issued: Issued[]) {
  return issued.map(({ certificate }) => certificate)
}

/** What tells a signer: certificate, issuers, what goes into containers, whose validity counts. */
function describe(signerCertificate: SignerCertificate | undefined) {
  return {
    certificate: signerCertificate?.certificate.subject,
    issuers: signerCertificate?.issuers.map(({ subject }) => subject),
    path: signerCertificate?.path.map(({ raw }) => raw.toString('base64')),
    validity: signerCertificate?.validity.map(({ subject }) => subject),
    complete: signerCertificate?.complete,
  }
}

const WHOLE = {
  certificate: 'CN=Signer',
  issuers: ['CN=Issuing CA', 'CN=Root'],
  path: certificatesOf(leaf, issuing, root).map(({ raw }) => raw.toString('base64')),
  validity: ['CN=Signer', 'CN=Issuing CA', 'CN=Root'],
  complete: true,
}

t.test('issuers may follow the leaf in its file, or be in the other one, or both', async (t) => {
  for (const [certificates, caCertificates] of [
    [[leaf], [root, issuing]],
    [[leaf, issuing, root], []],
    [[leaf, other, root], [issuing]],
    [
      [leaf, issuing],
      [leaf, issuing, root, other],
    ],
  ] as const) {
    const signerCertificate = certificateFromFiles({
      ...{ certificates: certificatesOf(...certificates) },
      ...{ caCertificates: certificatesOf(...caCertificates), ...COMMON },
    })
    t.strictSame(describe(signerCertificate), WHOLE)
  }
})

t.test('without a file the certificate is the one on the token', async (t) => {
  const configuration = { caCertificates: certificatesOf(root, issuing), ...COMMON }
  t.equal(certificateFromFiles(configuration), undefined)
  t.strictSame(describe(certificateFromToken([leaf.certificate.raw], configuration)), WHOLE)
})

t.test('the algorithm has to fit the certificate on the token', async (t) => {
  const configuration = { caCertificates: [], ...COMMON, algorithm: 'ecdsa' as const }
  t.throws(() => certificateFromToken([leaf.certificate.raw], configuration), {
    name: 'ConfigurationError',
    message:
      /does not fit the certificate, whose key is of type rsa: leave it out, or set rsassa-pkcs1-v1_5 or /,
  })
})

t.test('a certificate that OpenSSL reads and containers cannot hold is told by its variable', async (t) => {
  const rsaRoot = issue(directory, { subject: '/CN=RSA root', ca: true, key: RSA_2048 })
  const ofRsaRoot = issue(directory, { subject: '/CN=Signer', issuer: rsaRoot, key: RSA_2048 })
  const [odd, oddRoot] = [spoil(ofRsaRoot), spoil(rsaRoot)]
  const refused = (variable: string, what = '') => ({
    name: 'ConfigurationError',
    problems: [
      {
        variable,
        message: new RegExp(`^${what}is not encoded as RFC 5280 says; have it issued anew`),
      },
    ],
  })
  const create = (certificates: Issued[], caCertificates: Issued[]) =>
    certificateFromFiles({
      certificates: certificatesOf(...certificates),
      caCertificates: certificatesOf(...caCertificates),
      ...COMMON,
    })
  t.throws(() => create([odd], []), refused('SIGNER_CERTIFICATE_FILE'))
  const long = { ...leaf, certificate: withLongLength(leaf.certificate) }
  t.throws(() => create([long], []), refused('SIGNER_CERTIFICATE_FILE'))
  t.throws(
    () => create([ofRsaRoot, oddRoot], []),
    refused('SIGNER_CERTIFICATE_FILE', 'the certificate of CN=RSA root '),
  )
  t.throws(
    () => create([ofRsaRoot], [oddRoot]),
    refused('CA_CERTIFICATES_FILE', 'the certificate of CN=RSA root '),
  )
  t.throws(
    () => certificateFromToken([odd.certificate.raw], { caCertificates: [], ...COMMON }),
    refused('SIGNER_CERTIFICATE_FILE', 'on the token: '),
  )
  t.doesNotThrow(() => create([leaf], [oddRoot]), 'one that is in no chain does no harm')
})

t.test('level b-lt takes a chain about which somebody can be asked', async (t) => {
  const addresses = `${ocspAt('http://ocsp.example')}\n${crlAt('ldap://crl.example/cn=a')}`
  const certify = (issuer: Issued, extension: string) =>
    issue(directory, { subject: '/CN=Signer', issuer, extension })
  const middle = issue(directory, {
    ...{ subject: '/CN=Middle', ca: true, issuer: root, extension: crlAt('http://crl.example') },
  })
  const create = (path: Issued[], container: Partial<ContainerConfiguration> = {}) => {
    const [first, ...issuers] = path
    return certificateFromFiles({
      ...{ certificates: [(first as Issued).certificate], caCertificates: certificatesOf(...issuers) },
      ...{ settings: VARIABLE_SETTINGS, container: { ...DEFAULT_CONTAINER, level: 'b-lt', ...container } },
    })
  }
  t.doesNotThrow(() => create([certify(middle, addresses), middle, root]))
  const nobody = certify(issuing, crlAt('ldap://crl.example/cn=a'))
  const names = (subject: string) =>
    new RegExp(
      `the certificate of CN=${subject} names neither an OCSP responder nor a CRL that could be asked`,
    )
  t.throws(() => create([nobody, issuing, root]), {
    name: 'ConfigurationError',
    problems: ['Signer', 'Issuing CA'].map((subject) => ({
      variable: 'SIGNER_CERTIFICATE_FILE',
      message: names(subject),
    })),
  })
  const unreadable = certify(middle, '1.3.6.1.5.5.7.1.1 = DER:0500')
  t.throws(() => create([unreadable, middle, root]), { name: 'ConfigurationError', message: names('Signer') })
  t.throws(() => create([certify(middle, addresses)]), {
    name: 'ConfigurationError',
    message:
      /^SIGNER_CERTIFICATE_FILE: .* the issuer of CN=Signer is not known, .*; add its certificate, or /,
  })
  const lower = create([nobody, issuing, root], { revocationFallback: 'b-t' })
  t.match(
    lower?.warnings.filter((warning) => warning.startsWith('containers have level b-t, not b-lt: ')),
    [names('Signer'), names('Issuing CA')],
  )
  for (const level of ['b-b', 'b-t'] as const) {
    t.notMatch(create([nobody, issuing, root], { level })?.warnings.join(), /b-lt/)
  }
})

t.test('each type of key has its algorithms', async (t) => {
  const all = ['rsassa-pkcs1-v1_5', 'rsassa-pss', 'ecdsa'] as const
  for (const [key, type, fitting] of [
    [RSA_2048, 'rsa', ['rsassa-pkcs1-v1_5', 'rsassa-pss']],
    [['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa-pss', ['rsassa-pss']],
    [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ec', ['ecdsa']],
  ] as const) {
    const { certificate } = issue(directory, { subject: '/CN=Signer', key })
    for (const algorithm of all) {
      const configuration = { ...COMMON, caCertificates: [], algorithm }
      const build = () => certificateFromToken([certificate.raw], configuration)
      if (fitting.some((one) => one === algorithm)) {
        t.equal(build().algorithm.name, algorithm)
      } else {
        const wrong = `${algorithm} does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
        t.throws(build, { message: `signatureAlgorithm: ${wrong}` })
      }
    }
  }
})

t.test('of several certificates on the token one counts that can be used', async (t) => {
  const keyFile = generateKeyFile(directory, rsaPss('sha512', 64))
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const certify = (subject: string, minutes: number, options: Partial<IssueOptions>) =>
    issue(directory, { subject, issuer: issuing, notBefore: minutesAgo(minutes), ...options })
  const older = certify('/CN=Plain', 9, { keyFile: writePlainRsaKey({ keyFile }) })
  const newer = certify('/CN=Restricted', 5, { keyFile })
  const forKeys = certify('/CN=Key agreement', 1, { keyFile, extensions: ['keyUsage=keyAgreement'] })
  const choose = (
    issued: Issued[],
    changes: object = {},
    present?: Parameters<typeof certificateFromToken>[2],
  ) =>
    certificateFromToken(
      certificatesOf(...issued).map(({ raw }) => raw),
      { ...COMMON, caCertificates: certificatesOf(root, issuing), ...changes },
      present,
    )
  const chosen = choose([older, forKeys, newer])
  t.equal(chosen.certificate.subject, 'CN=Restricted')
  t.equal(
    warnAboutUnused(chosen),
    'the token holds 3 certificates of the private key: used is CN=Restricted, serial number ' +
      `${newer.certificate.serialNumber}; not used: CN=Plain, serial number ${older.certificate.serialNumber}; ` +
      `CN=Key agreement, serial number ${forKeys.certificate.serialNumber}; "signing-service certs" lists them, and ` +
      '"signing-service delete-cert" deletes one',
  )
  t.equal(warnAboutUnused(choose([newer])), undefined)
  const names = (changes: object) => choose([older, newer], changes).certificate.subject
  t.equal(names({ algorithm: 'rsassa-pkcs1-v1_5' }), 'CN=Plain', 'the algorithm of the signer')
  t.equal(names({ rules: { ...RULES, hashAlgorithms: [SHA_256] } }), 'CN=Plain', 'its hash algorithms')
  const present = choose([older])
  const next = (issued: Issued[], changes?: object) => choose(issued, changes, present).certificate.subject
  t.equal(next([newer, older]), 'CN=Plain', 'the one that is in use is kept')
  t.equal(next([newer]), 'CN=Restricted', 'unless it is not there any more')
  const renewed = certify('/CN=Renewed', 5, { keyFile, notAfter: new Date(Date.now() + 900 * 86_400_000) })
  const demanding = { rules: { ...RULES, minimumDaysLeft: 500 } }
  t.equal(next([renewed, older], demanding), 'CN=Renewed', 'or is not valid for long enough')
})

t.test('of several certificates on the token none can be used', async (t) => {
  const { keyFile } = leaf
  const forKeys = issue(directory, {
    ...{ subject: '/CN=Key agreement', issuer: issuing, keyFile, extensions: ['keyUsage=keyAgreement'] },
  })
  const authority = issue(directory, { subject: '/CN=Authority', issuer: issuing, keyFile, ca: true })
  const raws = certificatesOf(forKeys, authority).map(({ raw }) => raw)
  const build = () => certificateFromToken(raws, { ...COMMON, caCertificates: certificatesOf(root, issuing) })
  t.throws(build, {
    name: 'ConfigurationError',
    problems: [
      { variable: 'SIGNER_CERTIFICATE_FILE', message: /^on the token: is / },
      {
        variable: 'SIGNER_CERTIFICATE_FILE',
        message:
          /^on the token: of the 2 certificates of the private key none can be used: .*CN=.*, serial number .*"signing-service delete-cert"/,
      },
    ],
  })
  t.throws(build, { message: forKeys.certificate.serialNumber })
  t.throws(build, { message: authority.certificate.serialNumber })
})
