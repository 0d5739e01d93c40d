/** Reads CRLs (RFC 5280 5.1), and looks for certificates in them. It verifies nothing. */
import type { X509Certificate } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sameAlgorithm } from '../../asn1/algorithm-identifier.ts'
import { checkInteger, DerReader } from '../../asn1/der-reader.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { readDistributionPointName } from '../../x509/certificate-extensions.ts'
import {
  EXTENSION,
  type Extension,
  type Extensions,
  findUnknownCritical,
  readExtensionList,
  readExtensions,
} from '../../x509/extensions.ts'
import { DIRECTORY_NAME, includesName, sameGeneralName } from '../../x509/names.ts'
import {
  describeReason,
  encodeSignedObject,
  type Flawed,
  REMOVE_FROM_CRL,
  type Revocation,
  readAnswerTime,
  readSignedObject,
  type SignedObject,
  type UpdateTimes,
} from '../revocation-answer.ts'

/** Extensions of CRLs (RFC 5280 5.2) and of their entries (5.3). */
export const CRL_EXTENSION = {
  reasonCode: '2.5.29.21',
  crlNumber: EXTENSION.crlNumber,
  invalidityDate: '2.5.29.24',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  /** Names the issuer of the certificates of this entry and the next ones, in an indirect CRL (RFC 5280 5.3.3). */
  certificateIssuer: '2.5.29.29',
} as const

export interface Crl extends SignedObject, Flawed {
  /**
   * DER CertificateList. Its outer AlgorithmIdentifier, which is not signed, is the same as the one that is, unless that is a
   * flaw: some verifiers refuse a CRL in which only one of them has parameters.
   */
  readonly der: Buffer
  /** Content of the INTEGER; undefined if it is not written. */
  readonly version: Buffer | undefined
  /** Undefined if it is wrong, which is a flaw. */
  readonly thisUpdate: Date | undefined
  /** Undefined if it is wrong, or if the CRL lacks the field, though RFC 5280 5.1.2.5 demands it. */
  readonly nextUpdate: Date | undefined
  /** DER Name. */
  readonly issuer: Buffer
  /** Content of revokedCertificates; undefined if the CRL lists none. */
  readonly entries: DerReader | undefined
  readonly extensions: Extensions
}

/**
 * Reads cRLNumber or BaseCRLNumber (RFC 5280 5.2.3, 5.2.4).
 *
 * @returns undefined without the extension, and if it is malformed
 */
export function readCrlNumber(extension: Extension | undefined): bigint | undefined {
  try {
    return extension && BigInt(`0x${DerReader.lenient(extension.value).content(TAG.integer).toString('hex')}`)
  } catch {
    return undefined
  }
}

/**
 * Reads a CRL. A length in it that is not the shortest is a flaw, and so is another algorithm in what is signed than outside,
 * with which the signature is verified (RFC 5280 5.1.2.2).
 *
 * @param der CertificateList
 * @throws Error when it is malformed
 */
export function readCrl(der: Buffer): Crl {
  const whole = DerReader.lenient(der)
  const list = whole.enter(TAG.sequence)
  whole.finish()
  const signed = readSignedObject(list)
  list.finish()
  const content = DerReader.lenient(signed.toBeSigned).enter(TAG.sequence)
  const version = content.tag === TAG.integer ? content.integer() : undefined
  const algorithm = content.element(TAG.sequence)
  const isSameAlgorithm = sameAlgorithm(algorithm, signed.algorithm)
  const issuer = content.element(TAG.sequence)
  const flaws: string[] = isSameAlgorithm ? [] : ['it names two algorithms for its signature']
  const thisUpdate = readAnswerTime(content, flaws)
  const hasNextUpdate = content.tag === TAG.utcTime || content.tag === TAG.generalizedTime
  const nextUpdate = hasNextUpdate ? readAnswerTime(content, flaws) : undefined
  const entries = content.enterOptional(TAG.sequence)
  const extensions = readExtensions(content.enterOptional(contextTag(0)), flaws)
  content.finish()
  const flaw = flaws[0] ?? list.flaw ?? content.flaw
  return {
    ...signed,
    der:
      isSameAlgorithm && !algorithm.equals(signed.algorithm)
        ? encodeSignedObject({ ...signed, algorithm })
        : der,
    ...{ version, issuer, thisUpdate, nextUpdate, entries, extensions },
    ...(flaw !== undefined && { flaw }),
  }
}

/** The certificates of its issuer that a CRL covers, as issuingDistributionPoint says (RFC 5280 5.2.5). */
export interface CrlScope {
  /** DER GeneralNames. A certificate must have one of them among its own distribution points, unless undefined. */
  readonly distributionPoints: readonly Buffer[] | undefined
  /** `ca` covers certificates of authorities only, `user` the others only. */
  readonly only: 'ca' | 'user' | undefined
  /** Says why certificates that it does not list may have been revoked, or why that is not known; undefined if it lists all. */
  readonly partial?: string
}

/** The fields of issuingDistributionPoint, all tagged implicitly. */
const FIELD = {
  distributionPoint: contextTag(0),
  onlyContainsUserCerts: contextTag(1, 'primitive'),
  onlyContainsCaCerts: contextTag(2, 'primitive'),
  onlySomeReasons: contextTag(3, 'primitive'),
  indirectCrl: contextTag(4, 'primitive'),
  onlyContainsAttributeCerts: contextTag(5, 'primitive'),
} as const

const ALL: CrlScope = { distributionPoints: undefined, only: undefined }

/**
 * Reads the issuingDistributionPoint extension. A malformed one must not keep a revocation from counting.
 *
 * @param value DER of the extension; undefined if the CRL has none, and so covers all certificates
 * @param issuer DER Name, that of the CRL
 * @returns undefined if it covers attribute certificates alone
 */
export function readCrlScope(value: Buffer | undefined, issuer: Buffer): CrlScope | undefined {
  try {
    return value === undefined ? ALL : readIssuingDistributionPoint(value, issuer)
  } catch {
    return { ...ALL, partial: 'its issuingDistributionPoint is none of RFC 5280 5.2.5' }
  }
}

/** @throws Error when the extension is malformed, or contradicts itself */
function readIssuingDistributionPoint(value: Buffer, issuer: Buffer): CrlScope | undefined {
  const scope = new DerReader(value).enter(TAG.sequence)
  const name = scope.enterOptional(FIELD.distributionPoint)
  const distributionPoints = name && readDistributionPointName(name, issuer)
  const user = scope.optionalBoolean(FIELD.onlyContainsUserCerts) ?? false
  const ca = scope.optionalBoolean(FIELD.onlyContainsCaCerts) ?? false
  const someReasons = scope.tag === FIELD.onlySomeReasons && scope.element().length > 0
  const indirect = scope.optionalBoolean(FIELD.indirectCrl) ?? false
  const attributes = scope.optionalBoolean(FIELD.onlyContainsAttributeCerts) ?? false
  scope.finish()
  if ([user, ca, attributes].filter(Boolean).length > 1) {
    throw new Error('a CRL is about one kind of certificates alone')
  }
  if (attributes) {
    return undefined
  }
  return {
    distributionPoints,
    only: ca ? 'ca' : user ? 'user' : undefined,
    ...(someReasons && { partial: 'it lists certificates that were revoked for some reasons only' }),
    ...(indirect && { partial: 'it is an indirect CRL, which is not supported' }),
  }
}

/** Finds why a CRL does not cover a certificate, in words (RFC 5280 6.3.3 (b)). */
export function findScopeProblem(
  { distributionPoints, only }: CrlScope,
  { ca }: Pick<X509Certificate, 'ca'>,
  ownDistributionPoints: readonly Buffer[],
): string | undefined {
  if (only !== undefined && ca !== (only === 'ca')) {
    return 'it is about other kinds of certificates'
  }
  const shared = distributionPoints?.some((name) =>
    ownDistributionPoints.some((own) => sameGeneralName(own, name)),
  )
  return shared === false ? 'it is the one of another distribution point' : undefined
}

/**
 * Returns whether a CRL names its distribution point in other octets than the certificate does, such as another case of the host. RFC
 * 5280 7.4 finds these the same, and validators that compare octets do not. All of them compare directory names as names.
 */
export function isNamedOtherwise(
  { distributionPoints }: CrlScope,
  ownDistributionPoints: readonly Buffer[],
): boolean {
  const isShared = (name: Buffer) =>
    ownDistributionPoints.some(
      (own) => own.equals(name) || (name[0] === DIRECTORY_NAME && sameGeneralName(own, name)),
    )
  return distributionPoints !== undefined && !distributionPoints.some(isShared)
}

/**
 * Octets of entries that are read in one turn of the event loop. 400 usual entries take less than 1 ms, and entries
 * full of names 20 ms. A limit in entries would let the latter take seconds.
 */
const OCTETS_PER_TURN = 20_000

/** Octets of an entry's issuer names; real ones have some hundred. Longer ones would take long to compare. */
const MAX_ISSUER_LENGTH = 10_000

/** Extensions of entries that are accepted if they are critical. Authorities mark them so by mistake (RFC 5280 5.3). */
const KNOWN_IN_ENTRIES = [CRL_EXTENSION.reasonCode, CRL_EXTENSION.invalidityDate]

/** Revocations keyed by serial numbers: contents of INTEGERs in hex. */
export type Revocations = ReadonlyMap<string, Revocation>

export interface FoundEntries extends Flawed {
  readonly revocations: Revocations
  /** True if an entry has a reasonCode that is no ENUMERATED, as RFC 5280 5.3.1 demands. */
  readonly hasOddReason: boolean
  /** Object identifier of an accepted extension that an entry has marked critical; undefined without one. */
  readonly critical: string | undefined
}

/**
 * Looks for entries about some certificates (RFC 5280 5.3). It lets other work run in between, since CRLs of large
 * authorities have more than a hundred thousand entries. An entry that cannot be read beyond its serial number is a
 * flaw, but revokes all the same.
 *
 * @param crl the CRL, whose `issuer` is that of the certificates; entries of other issuers are passed over
 * @param serialNumbers contents of INTEGERs in hex
 * @throws Error when an entry has no serial number
 */
export async function findRevocations(
  crl: Pick<Crl, 'entries' | 'issuer' | 'extensions'> & Pick<UpdateTimes, 'thisUpdate'>,
  serialNumbers: ReadonlySet<string>,
): Promise<FoundEntries> {
  const { entries, issuer, thisUpdate } = crl
  const isDelta = crl.extensions.has(CRL_EXTENSION.deltaCrlIndicator)
  const revocations = new Map<string, Revocation>()
  let flaw: string | undefined
  let hasOddReason = false
  let critical: string | undefined
  let isOfIssuer = true
  let octets = 0
  while (entries?.tag !== undefined) {
    const before = entries.left
    const entry = entries.enter(TAG.sequence)
    octets += before - entries.left
    const number = entry.content(TAG.integer)
    const serialNumber = number.toString('hex')
    const isWanted = serialNumbers.has(serialNumber)
    let revocation: Revocation | undefined = { at: thisUpdate, reason: describeReason() }
    try {
      checkInteger(number)
      const time = new DerReader(entry.element(entry.tag === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime))
      const extensions = readExtensionList(entry.enterOptional(TAG.sequence))
      entry.finish()
      flaw ??= findUnknownCritical(extensions, KNOWN_IN_ENTRIES)
      critical ??= KNOWN_IN_ENTRIES.find((id) => extensions.get(id)?.critical)
      const other = extensions.get(CRL_EXTENSION.certificateIssuer)
      isOfIssuer = other === undefined ? isOfIssuer : isIssuer(other.value, issuer)
      const code = extensions.get(CRL_EXTENSION.reasonCode)
      hasOddReason ||= code !== undefined && code.value[0] !== TAG.enumerated
      if (isWanted) {
        revocation = readRevocation(time, code, isDelta)
      }
    } catch (error) {
      flaw ??= (error as Error).message
    }
    if (isWanted && isOfIssuer && revocation !== undefined) {
      revocations.set(serialNumber, revocation)
    }
    if (octets > OCTETS_PER_TURN) {
      octets = 0
      await nextTurn()
    }
  }
  flaw ??= entries?.flaw
  return { revocations, hasOddReason, critical, ...(flaw !== undefined && { flaw }) }
}

/**
 * Reads date and reason; undefined for a certificate that a delta CRL removes from the list. Other CRLs have no removeFromCRL (RFC 5280
 * 5.3.1), and most validators call a certificate revoked that has it there.
 */
function readRevocation(
  time: DerReader,
  code: Extension | undefined,
  isDelta: boolean,
): Revocation | undefined {
  const reason = code && new DerReader(code.value).content(TAG.enumerated)[0]
  return reason === REMOVE_FROM_CRL && isDelta
    ? undefined
    : { at: readTime(time, { fractions: true }), reason: describeReason(reason) }
}

/**
 * Returns whether an entry is about certificates of `issuer`.
 *
 * @param names DER GeneralNames of the entry's certificateIssuer
 */
function isIssuer(names: Buffer, issuer: Buffer): boolean {
  return names.length <= MAX_ISSUER_LENGTH && includesName(new DerReader(names).enter(TAG.sequence), issuer)
}
