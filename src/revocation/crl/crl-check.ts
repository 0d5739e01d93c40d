import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../../asn1/der-reader.ts'
import { TAG } from '../../asn1/tag.ts'
import {
  type DeltaAddresses,
  readCertificateExtensions,
  readDeltaAddresses,
} from '../../x509/certificate-extensions.ts'
import { readCertificateFields } from '../../x509/certificate-fields.ts'
import { matchesAuthorityKeyIdentifier, matchesKeyIdentifier } from '../../x509/chain.ts'
import { EXTENSION, findUnknownCritical, hasWrittenDefault } from '../../x509/extensions.ts'
import { publicKeyOf } from '../../x509/key-type.ts'
import { findDoubtfulCrlExtensions } from '../../x509/malformed-extensions.ts'
import { sameName, sameNameInJava, URI } from '../../x509/names.ts'
import {
  type Flawed,
  findAlgorithmDoubt,
  findEncodingProblem,
  findSignatureProblem,
  findStaleness,
  findWeakHash,
  hasFraction,
  OTHER_CERTIFICATE,
  refuseOtherContent,
  type UpdateTimes,
} from '../revocation-answer.ts'
import {
  CRL_EXTENSION,
  type Crl,
  type CrlScope,
  type FoundEntries,
  findRevocations,
  type Revocations,
  readCrl,
  readCrlNumber,
  readCrlScope,
} from './crl.ts'

/** Critical extensions that some authorities mark so by mistake. They do not affect entries, and only some validators know them. */
const KNOWN_TO_SOME = [CRL_EXTENSION.crlNumber, EXTENSION.authorityKeyIdentifier]

/** Critical extensions that are accepted. */
const UNDERSTOOD = [
  CRL_EXTENSION.issuingDistributionPoint,
  // The check of flaws decides whether a delta CRL is taken
  CRL_EXTENSION.deltaCrlIndicator,
  ...KNOWN_TO_SOME,
]

const OTHER_KEY =
  'it is signed with another key than the one that issued the certificate, as after a renewal of the authority; the ' +
  'authority must go on publishing a CRL for that key at this address'

/** Validators that look for the issuer by this extension do not find it (RFC 5280 5.2.1). */
const OTHER_IDENTIFIER =
  'the keyIdentifier in its authorityKeyIdentifier is not that of its issuer, though the key is; have the authority correct it'

/** The certificates that are looked for in a CRL. */
export interface CrlQuestion {
  readonly issuer: X509Certificate
  /** Finds certificates of other keys of the issuer. A CRL that is signed with one of these revokes, and shows nobody to be good. */
  readonly findOtherKeys?: () => readonly X509Certificate[]
  /** Serial numbers of certificates of the issuer: contents of INTEGERs in hex. */
  readonly serialNumbers: ReadonlySet<string>
  /** Finds why a CRL covers none of them, in words. Without it, one of any scope will do. */
  readonly findScopeProblem?: (scope: CrlScope) => string | undefined
  /** True if a delta CRL will do too. It lists what has changed alone, so that it shows no certificate to be good. */
  readonly mayBeDelta?: boolean
}

interface IssuerQuestion extends CrlQuestion {
  /** DER Name of the issuer. */
  readonly subject: Buffer
}

/** A verified CRL. It may be embedded, unless it has a flaw. */
export interface CheckedCrl extends UpdateTimes, Flawed {
  /** DER CertificateList. */
  readonly der: Buffer
  readonly scope: CrlScope
  /** The serial numbers that were looked for: contents of INTEGERs in hex. */
  readonly serialNumbers: ReadonlySet<string>
  readonly revocations: Revocations
  /** Says which validators do not take it, and why, if any. */
  readonly doubt: string | undefined
  /** Addresses of a delta CRL for it. */
  readonly delta: DeltaAddresses
  /** Its number, and that of the complete CRL whose changes it lists if it is a delta CRL; undefined if it does not say. */
  readonly number: bigint | undefined
  readonly baseNumber: bigint | undefined
}

const IN_PEM = 'it is PEM, but RFC 5280 4.2.1.13 demands DER'

/**
 * Checks a CRL (RFC 5280 6.3.3) and looks for certificates in it. It accepts a CRL with a flaw if that lists one of
 * them and its signature is right, since revoked certificates must not sign.
 *
 * @param received the bytes of the distribution point, DER or PEM. Of several CRLs of the issuer in PEM all count, from the latest to the
 *   first that is complete and right.
 * @throws Error whose message says why the CRL does not count
 */
export async function checkCrl(received: Buffer, question: CrlQuestion, at: Date): Promise<CheckedCrl> {
  const pem = readPem(received)
  const isPem = pem.length > 0
  const { subject } = readCertificateFields(question.issuer)
  let found: CheckedCrl | undefined
  let problem: Error | undefined
  let completeAt = Number.NEGATIVE_INFINITY
  for (const crl of readLists(isPem ? pem : [received], subject)) {
    // One that shows who is good leaves nothing to those before it: a hold may have been released since
    if (timeOf(crl) < completeAt) {
      break
    }
    const checked = await checkList(crl, { ...question, subject }, at).catch((error: Error) => error)
    if (checked instanceof Error) {
      problem ??= checked
      continue
    }
    const flaw = checked.flaw ?? (isPem ? IN_PEM : undefined)
    if (flaw === undefined) {
      return checked
    }
    if (checked.revocations.size > 0) {
      const revocations = new Map([...checked.revocations, ...(found?.revocations ?? [])])
      found = { ...checked, flaw, ...found, revocations }
    }
    problem ??= new Error(flaw)
    completeAt = checked.flaw === undefined ? timeOf(crl) : completeAt
  }
  if (found === undefined) {
    throw problem
  }
  return found
}

/**
 * Checks one CRL with the issuer's name, and says in its flaw why it shows nobody to be good.
 *
 * @throws Error where it says nothing of the certificates, or nobody knows who has signed it
 */
async function checkList(
  crl: Crl,
  {
    issuer,
    subject,
    findOtherKeys = () => [],
    serialNumbers,
    findScopeProblem,
    mayBeDelta = false,
  }: IssuerQuestion,
  at: Date,
): Promise<CheckedCrl> {
  const { keyUsage = ['cRLSign'] } = readCertificateExtensions(issuer)
  // The moment at which it came is later than any CRL that came before and did not list the certificate
  const { der, thisUpdate = at, nextUpdate = thisUpdate, extensions } = crl
  const scope = readCrlScope(extensions.get(CRL_EXTENSION.issuingDistributionPoint)?.value, crl.issuer)
  const isIdentified = matchesKeyIdentifier(extensions, issuer)
  if (scope === undefined) {
    throw new Error('it is about attribute certificates alone')
  }
  const wrong = await findSignatureProblem(crl, publicKeyOf(issuer))
  if (wrong !== undefined && !(await isSignedByOne(crl, findOtherKeys()))) {
    throw new Error(isIdentified ? wrong : OTHER_KEY)
  }
  const dated = { ...crl, thisUpdate }
  const found = await findRevocations(dated, serialNumbers)
  const { revocations } = found
  const flaw =
    (wrong && OTHER_KEY) ??
    crl.flaw ??
    (keyUsage.includes('cRLSign') ? undefined : 'its issuer has a certificate that is not for CRLs') ??
    (isIdentified ? undefined : OTHER_IDENTIFIER) ??
    findWeakHash(crl) ??
    findFlaw(dated, scope, at, mayBeDelta) ??
    found.flaw ??
    findScopeProblem?.(scope) ??
    // No container has a delta CRL in it
    (mayBeDelta ? undefined : await findEncodingProblem(der))
  const checked = {
    ...{ der, thisUpdate, nextUpdate, scope, serialNumbers, revocations },
    doubt:
      findDoubt(crl, scope, found) ??
      findNameDoubt(crl, subject) ??
      findIdentifierDoubt(crl, issuer) ??
      findAlgorithmDoubt(crl),
    delta: readDeltaAddresses(extensions, crl.issuer),
    number: readCrlNumber(extensions.get(CRL_EXTENSION.crlNumber)),
    baseNumber: readCrlNumber(extensions.get(CRL_EXTENSION.deltaCrlIndicator)),
  }
  return flaw === undefined ? checked : { ...checked, flaw }
}

/** Finds that Java, and what is built with it, does not find the CRL by the name of its issuer, whose own one is `subject`. */
function findNameDoubt({ issuer }: Crl, subject: Buffer): string | undefined {
  return sameNameInJava(issuer, subject)
    ? undefined
    : 'names its issuer in other octets than the certificate of that, such as another type of string: Bouncy Castle, PDFBox, ' +
        'EU DSS and Java do not take it'
}

function findIdentifierDoubt({ extensions }: Crl, issuer: X509Certificate): string | undefined {
  return matchesAuthorityKeyIdentifier(extensions, issuer) ? undefined : `has ${OTHER_CERTIFICATE}`
}

async function isSignedByOne(crl: Crl, certificates: readonly X509Certificate[]): Promise<boolean> {
  for (const certificate of certificates) {
    if ((await findSignatureProblem(crl, publicKeyOf(certificate))) === undefined) {
      return true
    }
  }
  return false
}

/** Content of the version's INTEGER in a CRL with extensions (RFC 5280 5.1.2.1). */
const VERSION_2 = Buffer.of(1)

/** Finds what keeps some validators from taking a CRL, and which, in words. */
function findDoubt(
  { version, thisUpdate, nextUpdate, extensions }: Crl,
  { distributionPoints }: CrlScope,
  found: FoundEntries,
): string | undefined {
  const critical = KNOWN_TO_SOME.find((id) => extensions.get(id)?.critical)
  if (critical !== undefined) {
    return `has a critical extension, ${critical}, which is not to be critical: Bouncy Castle, PDFBox and EU DSS do not take it`
  }
  if (hasWrittenDefault(extensions)) {
    return 'has an extension that says that it is not critical, the default: Bouncy Castle, PDFBox and EU DSS do not take it'
  }
  if (version !== undefined && !version.equals(VERSION_2)) {
    return 'has another version than 2: Bouncy Castle and PDFBox do not take it'
  }
  if (hasFraction(thisUpdate, nextUpdate)) {
    return 'has a time with a fraction of a second (RFC 5280 5.1.2.4): OpenSSL does not take it'
  }
  if (found.critical !== undefined) {
    return `has an entry with a critical extension, ${found.critical}, which is not to be critical: OpenSSL does not take it`
  }
  if (found.hasOddReason) {
    return 'has a reasonCode that is no ENUMERATED: Bouncy Castle and PDFBox do not take it'
  }
  const [malformed] = findDoubtfulCrlExtensions(extensions)
  if (malformed !== undefined) {
    return `has a malformed extension (${malformed}): Bouncy Castle, PDFBox and pyHanko do not take it`
  }
  if (extensions.has(EXTENSION.freshestCrl)) {
    return 'has a delta CRL (freshestCRL), which no container holds: pyHanko does not take it'
  }
  const namesAddress = distributionPoints?.some(([tag]) => tag === URI)
  return extensions.get(CRL_EXTENSION.issuingDistributionPoint)?.critical && !namesAddress
    ? 'has a critical issuingDistributionPoint that names no address of a CRL: EU DSS does not take it'
    : undefined
}

function findFlaw(
  { thisUpdate, nextUpdate, extensions }: Crl & Pick<UpdateTimes, 'thisUpdate'>,
  { partial }: CrlScope,
  at: Date,
  mayBeDelta: boolean,
): string | undefined {
  if (extensions.has(CRL_EXTENSION.deltaCrlIndicator) && !mayBeDelta) {
    return 'it is a delta CRL'
  }
  if (nextUpdate === undefined) {
    return 'it does not say when it is to be replaced'
  }
  return (
    findUnknownCritical(extensions, UNDERSTOOD) ?? partial ?? findStaleness({ thisUpdate, nextUpdate }, at)
  )
}

/** Labels of CRLs in PEM: that of RFC 7468 6, and the one that older software writes. */
const PEM_LABELS = ['X509 CRL', 'CRL']

/** Most CRLs of one file in PEM that are read. */
const MAX_BLOCKS = 16

/**
 * Decodes the CRLs of a file in PEM, which may have text around them, and those of a whole chain, as web servers and VPNs take it.
 *
 * @returns DER; none if the content is not PEM
 */
function readPem(content: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  for (const label of PEM_LABELS) {
    const [header, footer] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`]
    let end = 0
    while (blocks.length < MAX_BLOCKS) {
      const begin = content.indexOf(header, end)
      end = begin < 0 ? -1 : content.indexOf(footer, begin)
      if (end < 0) {
        break
      }
      blocks.push(Buffer.from(content.toString('latin1', begin + header.length, end), 'base64'))
    }
  }
  return blocks
}

/**
 * Reads the CRLs of an issuer, the latest first.
 *
 * @param contents DER, of other issuers too
 * @param subject DER Name of the issuer
 * @throws Error whose message says why there is none
 */
function readLists(contents: readonly Buffer[], subject: Buffer): readonly Crl[] {
  const own: Crl[] = []
  let problem: unknown
  for (const content of contents) {
    try {
      refuseOtherContent(content)
      // Servers append line ends and the like, which nobody has signed
      const crl = readCrl(DerReader.lenient(content).element(TAG.sequence))
      if (sameName(crl.issuer, subject)) {
        own.push(crl)
      } else {
        problem = new Error('it is the CRL of another issuer')
      }
    } catch (error) {
      problem ??= error
    }
  }
  if (own.length === 0) {
    throw problem
  }
  return own.toSorted((one, other) => timeOf(other) - timeOf(one))
}

/** Returns when a CRL was issued, in ms since 1970: the moment at which it came if it does not say, later than all others. */
function timeOf({ thisUpdate }: Crl): number {
  return thisUpdate?.getTime() ?? Number.MAX_SAFE_INTEGER
}
