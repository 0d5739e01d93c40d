/**
 * NIST's Public Key Interoperability Test Suite (PKITS): paths of certificates with their CRLs, each of which its name calls valid or
 * invalid. Those that depend on what policies the relying party asks for are left out.
 */
import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findScopeProblem, readCrl } from '../../src/revocation/crl/crl.ts'
import { type CheckedCrl, checkCrl } from '../../src/revocation/crl/crl-check.ts'
import { readIssuedCertificate } from '../../src/revocation/revocation-checker.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { hasSameSubject } from '../../src/x509/chain.ts'
import { sameName } from '../../src/x509/names.ts'
import { buildSignerChain } from '../../src/x509/review/certificate-review.ts'
import { findPathProblem } from '../../src/x509/review/path-problem.ts'
import { findInvalidity, validityPeriod } from '../../src/x509/validity.ts'
import { findNistVectors } from '../support/nist-vectors.ts'

const directory = await findNistVectors('x509/PKITS_data')
const options = { skip: directory === undefined && 'docker/install-tools.sh nist-vectors installs them' }

/** The certificates and CRLs are valid from 2010 to 2030, but for those that are about time. */
const AT = new Date('2026-01-01T00:00:00Z')

/** Lists the paths that NIST calls valid and for which the service has no evidence, with its reason. */
const WITHOUT_EVIDENCE: readonly (readonly [names: RegExp, reason: RegExp])[] = [
  [/^ValidDSA(Signatures|ParameterInheritance)/, /^the chain is incomplete$/],
  // The service asks each authority for a CRL that it signs with the key of the certificate
  [/^ValidBasicSelfIssued(OldWithNew|NewWithOldTest4|CRLSigningKey)/, /another key/],
  [/^Valid(SeparateCertificateandCRLKeys|SelfIssued|DNnameConstraintsTest19)/, /another key/],
  [/^ValidIDPwithindirectCRLTest22/, /indirect CRL/],
  [/^Valid(IDPwithindirectCRLTest2[45]|cRLIssuer)/, /no CRL of the issuer|another distribution point/],
  [/^ValidonlySomeReasons/, /some reasons only/],
  // It lists a hold, which a delta CRL has ended, and containers have no delta CRL
  [/^ValiddeltaCRLTest5/, /^revoked$/],
]

interface Suite {
  readonly subjects: ReadonlyMap<string, X509Certificate>
  readonly issuers: readonly X509Certificate[]
  /** Returns the CRLs that name an issuer, as DER. */
  crlsOf(issuer: X509Certificate): readonly Buffer[]
}

function readSuite(folder: string): Suite {
  const read = (kind: string) =>
    readdirSync(join(folder, kind)).map((file) => [file, readFileSync(join(folder, kind, file))] as const)
  const certificates = read('certs').map(
    ([file, der]) => [file.slice(0, -4), new X509Certificate(der)] as const,
  )
  const isSubject = (name: string) => /^(Valid|Invalid)/.test(name)
  const issuers = certificates.filter(([name]) => !isSubject(name)).map(([, certificate]) => certificate)
  const crls = read('crls').flatMap(([, der]) => {
    const issuer = issuerOf(der)
    return issuer === undefined ? [] : [{ der, issuer }]
  })
  const found = new Map(
    issuers.map((one) => {
      const { subject } = readCertificateFields(one)
      return [one, crls.filter(({ issuer }) => sameName(issuer, subject)).map(({ der }) => der)]
    }),
  )
  return {
    subjects: new Map(certificates.filter(([name]) => isSubject(name))),
    issuers,
    crlsOf: (issuer) => found.get(issuer) ?? [],
  }
}

/** Returns the DER Name of a CRL's issuer; undefined if it is no CRL that can be read. */
function issuerOf(der: Buffer): Buffer | undefined {
  try {
    return readCrl(der).issuer
  } catch {
    return undefined
  }
}

/** Returns why a path is not good; undefined if it is. */
async function judge(leaf: X509Certificate, suite: Suite): Promise<string | undefined> {
  const chain = buildSignerChain(leaf, suite.issuers, AT)
  const path = [leaf, ...chain.issuers]
  const problem = findInvalidity(path.map(validityPeriod), AT) ?? findPathProblem(path)
  if (!chain.complete || problem !== undefined) {
    return problem ?? 'the chain is incomplete'
  }
  for (const [index, issuer] of chain.issuers.entries()) {
    const certificate = path[index] as X509Certificate
    const revocation = await findRevocationProblem(certificate, issuer, suite)
    if (revocation !== undefined) {
      return revocation
    }
  }
  return undefined
}

/** Returns that a certificate was revoked, or why no CRL shows that it was not; undefined if one does. */
async function findRevocationProblem(
  certificate: X509Certificate,
  issuer: X509Certificate,
  { issuers, crlsOf }: Suite,
): Promise<string | undefined> {
  const { serialNumber, addresses } = readIssuedCertificate(certificate, issuer)
  const others = issuers.filter((one) => one !== issuer && hasSameSubject(one, issuer))
  const question = {
    issuer,
    findOtherKeys: () => others,
    serialNumbers: new Set([serialNumber]),
    findScopeProblem: (scope: CheckedCrl['scope']) =>
      findScopeProblem(scope, certificate, addresses.distributionPoints),
  }
  const answers = await Promise.all(
    crlsOf(issuer).map((crl) => checkCrl(crl, question, AT).catch((error: Error) => error.message)),
  )
  const lists = answers.filter((answer) => typeof answer !== 'string')
  if (lists.some(({ revocations }) => revocations.has(serialNumber))) {
    return 'revoked'
  }
  const problems = answers.filter((answer) => typeof answer === 'string')
  return lists.length > 0 ? undefined : problems.join('; ') || 'there is no CRL of the issuer'
}

t.test('what NIST calls invalid is not good, and what it calls valid is', options, async (t) => {
  const suite = readSuite(`${directory}`)
  const counts = { valid: 0, invalid: 0 }
  for (const [name, certificate] of suite.subjects) {
    const problem = await judge(certificate, suite)
    const [, expected] = WITHOUT_EVIDENCE.find(([names]) => names.test(name)) ?? []
    if (name.startsWith('Invalid')) {
      t.type(problem, 'string', name)
      counts.invalid += 1
    } else if (expected === undefined) {
      t.equal(problem, undefined, name)
      counts.valid += 1
    } else {
      t.match(problem, expected, name)
    }
  }
  t.strictSame(counts, { valid: 65, invalid: 115 })
})
