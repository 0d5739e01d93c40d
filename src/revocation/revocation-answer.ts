/** Reads what CRLs and OCSP responses have in common: times, reasons and signatures. */
import { constants, type KeyObject, verify } from 'node:crypto'
import { promisify } from 'node:util'
import {
  readSignatureIdentifier,
  readSignatureParameters,
  type SignatureIdentifier,
} from '../algorithms/received-signature.ts'
import {
  ID_RSASSA_PSS,
  parseReceivedPss,
  type ReceivedPss,
  RSA_PSS,
  restrictToPss,
} from '../algorithms/rsa-pss.ts'
import { WEAK_SIGNATURES } from '../algorithms/weak-signatures.ts'
import { findEncodingFlawInTurns } from '../asn1/der-check.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { findUnusualAlgorithm } from '../x509/review/reviewed-certificate.ts'

/** Names what OpenSSL does not take in CRLs, and in certificates of OCSP responders, of an issuer that was renewed with its key. */
export const OTHER_CERTIFICATE =
  'an authorityKeyIdentifier with issuer and serial number of another certificate of its issuer: OpenSSL does not take it'

/** Time by which the clock of a responder or authority may be ahead of ours. */
const CLOCK_TOLERANCE_MS = 300_000

/** The period in which an OCSP response or a CRL is current (RFC 6960 4.2.2.1, RFC 5280 5.1.2.4). */
export interface UpdateTimes {
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/**
 * Reads a time with or without fractions of a second. One that does not exist, or is in a form that the RFCs do not have, is a
 * flaw: it must not keep a revocation from counting.
 *
 * @param flaws to which is added, in words, what is wrong with the time
 * @param read throws an Error on a wrong time
 * @returns undefined for a wrong time
 * @throws Error when the next element is neither a UTCTime nor a GeneralizedTime
 */
export function readAnswerTime(
  reader: DerReader,
  flaws: string[],
  read = (time: DerReader) => readTime(time, { fractions: true }),
): Date | undefined {
  const time = new DerReader(reader.element(reader.tag === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime))
  try {
    return read(time)
  } catch (error) {
    flaws.push((error as Error).message)
    return undefined
  }
}

/** Returns whether one of the times has a fraction of a second. */
export function hasFraction(...times: readonly (Date | undefined)[]): boolean {
  return times.some((time) => time !== undefined && time.getMilliseconds() > 0)
}

/** An answer with a right signature, but possibly a flaw. With a flaw it counts only for revocations. */
export interface Flawed {
  /** Says why it does not show that a certificate is good; undefined if it does. */
  readonly flaw?: string
}

/**
 * Finds why an answer is not current, in words. Only clocks ahead of ours are tolerated: an answer that has ended by
 * our clock would not help validators of signatures that are made from now on.
 */
export function findStaleness({ thisUpdate, nextUpdate }: UpdateTimes, at: Date): string | undefined {
  if (thisUpdate.getTime() > at.getTime() + CLOCK_TOLERANCE_MS) {
    return `it is from the future, ${thisUpdate.toISOString()}; check the clock`
  }
  return nextUpdate <= at ? `it was to be replaced at ${nextUpdate.toISOString()}` : undefined
}

/** Returns the earlier of two moments: what rests on two answers is to be replaced with the first of them. */
export function earlier(one: Date, other: Date): Date {
  return one < other ? one : other
}

/** Words for CRLReason, keyed by its number (RFC 5280 5.3.1). */
const WORDS: Readonly<Record<number, string>> = {
  0: 'unspecified',
  1: 'key compromise',
  2: 'CA compromise',
  3: 'affiliation changed',
  4: 'superseded',
  5: 'cessation of operation',
  6: 'certificate hold',
  8: 'remove from CRL',
  9: 'privilege withdrawn',
  10: 'AA compromise',
}

/** The CRLReason of an entry that a delta CRL removes from the list. */
export const REMOVE_FROM_CRL = 8

/** The revocation of a certificate, or a hold. */
export interface Revocation {
  readonly at: Date
  /** The CRLReason in words. */
  readonly reason: string
}

/**
 * Describes a CRLReason.
 *
 * @param reason undefined if there is none, which means unspecified
 */
export function describeReason(reason = 0): string {
  return WORDS[reason] ?? `reason ${reason}`
}

export interface SignedObject {
  /** DER, as it was signed. */
  readonly toBeSigned: Buffer
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Buffer
  readonly signature: Buffer
}

/**
 * Reads the three fields of a signed object.
 *
 * @param reader content of the outer SEQUENCE, in which further elements may follow
 * @throws Error when a field is malformed
 */
export function readSignedObject(reader: DerReader): SignedObject {
  const toBeSigned = reader.element(TAG.sequence)
  const algorithm = reader.element(TAG.sequence)
  return { toBeSigned, algorithm, signature: reader.bits() }
}

/**
 * Encodes a signed object.
 *
 * @param others elements that follow the three fields, DER
 * @returns DER SEQUENCE
 */
export function encodeSignedObject(
  { toBeSigned, algorithm, signature }: SignedObject,
  ...others: readonly Buffer[]
): Buffer {
  const bits = encode(TAG.bitString, Buffer.of(0), signature)
  return encode(TAG.sequence, toBeSigned, algorithm, bits, ...others)
}

/**
 * Finds what keeps the signature from being that of the key, in words. It hashes in the thread pool, since a CRL has
 * megabytes.
 *
 * @param key undefined if it is of a kind that OpenSSL does not know
 */
export async function findSignatureProblem(
  object: SignedObject,
  key: KeyObject | undefined,
): Promise<string | undefined> {
  let scheme: Scheme
  try {
    scheme = readScheme(object.algorithm)
  } catch (error) {
    return (error as Error).message
  }
  if (key === undefined || !scheme.keyTypes.includes(`${key.asymmetricKeyType}`)) {
    return 'its signature is not of the kind that the key makes'
  }
  return (await verifies(object, key, scheme)) ? undefined : 'its signature does not verify'
}

const verifyInPool = promisify(verify)

async function verifies(
  { toBeSigned, algorithm, signature }: SignedObject,
  key: KeyObject,
  { nodeHash, saltLength, hasOtherMaskHash = false }: Scheme,
): Promise<boolean> {
  const options = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
  try {
    const verifier = { key: hasOtherMaskHash ? restrictToPss(key, algorithm) : key, ...options }
    return await verifyInPool(nodeHash, toBeSigned, verifier, signature)
  } catch {
    // The parameters of the key forbid this hash or salt (RFC 4055 1.2), or OpenSSL does not know those of the signature
    return false
  }
}

/**
 * Finds a weakness of a signature that is right, in words. Others than the issuer can find two contents with the same digest
 * of MD5 or SHA-1: a revocation counts nevertheless, as with OpenSSL, since authorities go on signing with these.
 */
export function findWeakHash({ algorithm }: SignedObject): string | undefined {
  const { nodeHash } = readScheme(algorithm)
  const weak = [...WEAK_SIGNATURES.values()].find(({ scheme }) => scheme?.nodeHash === nodeHash)
  return weak && `it is signed with ${weak.hash}, which can be forged`
}

/** Finds that only some validators know the algorithm of the signature, be it that of the issuer or of a responder. */
export function findAlgorithmDoubt({ algorithm }: SignedObject): string | undefined {
  const unusual = findUnusualAlgorithm(algorithm)
  return (
    unusual &&
    `has a signature that some validators do not take (its algorithm, ${unusual}, is one that only some know)`
  )
}

/**
 * Finds what is no DER in something that an authority has signed, in words. Some validators encode it anew before they verify its
 * signature, or one over a container that holds it (RFC 5652 5.4).
 */
export async function findEncodingProblem(der: Buffer): Promise<string | undefined> {
  const flaw = await findEncodingFlawInTurns(der)
  return flaw && describeEncodingFlaw(flaw)
}

/** Describes what is no DER in something that an authority has signed. */
export function describeEncodingFlaw(flaw: string): string {
  return `${flaw}, so that some validators call a signature over it broken; have the authority correct it`
}

/** The first octets of gzip (RFC 1952 2.3.1). */
const GZIP = Buffer.of(0x1f, 0x8b)

/**
 * Refuses what servers send in place of a CRL or an OCSP response.
 *
 * @throws Error whose message says what it is
 */
export function refuseOtherContent(received: Buffer): void {
  if (received.length === 0) {
    throw new Error('it is empty')
  }
  if (received.subarray(0, GZIP.length).equals(GZIP)) {
    throw new Error(
      'it is compressed with gzip, though that was not asked for; have the authority send it as it is',
    )
  }
  if (/^(?:\xef\xbb\xbf)?\s*</.test(received.toString('latin1', 0, 64))) {
    throw new Error('it is a page of HTML or XML, such as that of a login or a proxy')
  }
}

interface Scheme
  extends Pick<SignatureIdentifier, 'keyTypes'>,
    Partial<Pick<ReceivedPss, 'saltLength' | 'hasOtherMaskHash'>> {
  /** node:crypto's spelling; null for EdDSA, which hashes by itself. */
  readonly nodeHash: string | null
}

/** The arc of NIST's signature algorithms. */
const NIST_SIGNATURES = '2.16.840.1.101.3.4.3'

/**
 * Schemes with which this service signs nothing, keyed by their DER AlgorithmIdentifiers in hex: EdDSA, which has no
 * parameters (RFC 8410 3), ECDSA and RSASSA-PKCS1-v1_5 with SHA-3 (NIST CSOR, RFC 9688 3), and those that can be forged.
 */
const OTHERS: ReadonlyMap<string, Scheme> = new Map([
  ['300506032b6570', { keyTypes: ['ed25519'], nodeHash: null }],
  ['300506032b6571', { keyTypes: ['ed448'], nodeHash: null }],
  ...['sha3-224', 'sha3-256', 'sha3-384', 'sha3-512'].flatMap((nodeHash, index) => [
    ...entriesOf(`${NIST_SIGNATURES}.${9 + index}`, { keyTypes: ['ec'], nodeHash }),
    ...entriesOf(`${NIST_SIGNATURES}.${13 + index}`, { keyTypes: ['rsa'], nodeHash }),
  ]),
  ...[...WEAK_SIGNATURES].flatMap(([oid, { scheme }]) =>
    scheme === undefined ? [] : entriesOf(oid, scheme),
  ),
])
const LONGEST_OTHER = 15

/** Returns a scheme under both of its AlgorithmIdentifiers: parameters are absent or NULL. */
function entriesOf(oid: string, scheme: Scheme): [string, Scheme][] {
  return [[], [encode(TAG.null)]].map((parameters) => [
    encode(TAG.sequence, encodeObjectIdentifier(oid), ...parameters).toString('hex'),
    scheme,
  ])
}

/**
 * @param algorithm DER AlgorithmIdentifier
 * @throws Error whose message says what is not supported
 */
function readScheme(algorithm: Buffer): Scheme {
  // A hostile CRL can have megabytes here, of which one octet more than is looked for is enough
  const other = OTHERS.get(algorithm.toString('hex', 0, LONGEST_OTHER + 1))
  if (other !== undefined) {
    return other
  }
  const { oid, parameters } = readSignatureParameters(algorithm)
  if (oid === ID_RSASSA_PSS) {
    return { keyTypes: RSA_PSS.keyTypes, ...parseReceivedPss(parameters) }
  }
  const { hash, keyTypes } = readSignatureIdentifier(algorithm)
  if (hash === undefined) {
    throw new Error(`its signature algorithm, ${oid}, is not supported`)
  }
  return { keyTypes, nodeHash: hash.nodeName }
}
