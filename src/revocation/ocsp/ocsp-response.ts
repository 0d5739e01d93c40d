/** Reads the answers of OCSP responders (RFC 6960 4.2.1). It verifies nothing. */
import { DerReader } from '../../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../asn1/der-writer.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { readGeneralizedTime } from '../../asn1/time.ts'
import { type Extensions, hasWrittenDefault, readExtensions } from '../../x509/extensions.ts'
import {
  describeEncodingFlaw,
  describeReason,
  encodeSignedObject,
  type Flawed,
  type Revocation,
  readAnswerTime,
  readSignedObject,
  type SignedObject,
} from '../revocation-answer.ts'
import type { CertificateId } from './ocsp-request.ts'

/** Says that a responder has answered nothing about the certificate that it was asked about. */
export class UnknownCertificate extends Error {}

/** id-pkix-ocsp-basic (RFC 6960 4.2.1). */
const ID_BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'

/** Content of the version's INTEGER (RFC 6960 4.2.1). */
const VERSION_1 = Buffer.of(0)

/** Content of the status's ENUMERATED (RFC 6960 4.2.1). */
const SUCCESSFUL = Buffer.of(0)

/** Names of OCSPResponseStatus, keyed by its number (RFC 6960 4.2.1). */
const FAILURES: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
}

/** With this a responder may also refuse to answer about certificates that it does not know (RFC 5019 2.2.3). */
const UNAUTHORIZED = 6

export interface OcspResponse extends SignedObject, Flawed {
  readonly responder: ResponderId
  /** DER GeneralizedTime at which the responder signed, not read yet. */
  readonly producedAt: Buffer
  readonly answers: readonly SingleResponse[]
  readonly extensions: Extensions
  /** DER Certificate. */
  readonly certificates: readonly Buffer[]
}

/** Names the responder by the subject of its certificate, DER, or by the SHA-1 digest of its key. */
export type ResponderId = { readonly name: Buffer } | { readonly keyHash: Buffer }

export interface SingleResponse extends CertificateId {
  /** Dotted object identifier of the algorithm of both digests. */
  readonly hashAlgorithm: string
  readonly status: 'good' | 'unknown' | ReadRevocation
  /** Undefined if it is wrong, which is a flaw of the response. */
  readonly thisUpdate: Date | undefined
  /** Undefined if there is none, or if it is wrong. */
  readonly nextUpdate: Date | undefined
  readonly extensions: Extensions
}

interface ReadRevocation extends Pick<Revocation, 'reason'> {
  /** Undefined if it is wrong, which is a flaw of the response. */
  readonly at: Date | undefined
}

/**
 * Reads an answer. A length in it that is not the shortest is a flaw.
 *
 * @param der OCSPResponse, behind which servers append line ends and the like
 * @throws UnknownCertificate when it says `unauthorized`; Error when it is malformed, or refuses the request otherwise
 */
export function readOcspResponse(der: Buffer): OcspResponse {
  const response = DerReader.lenient(der).enter(TAG.sequence)
  const basic = readBasicResponse(response)
  const signed = readSignedObject(basic)
  const wrapper = basic.enterOptional(contextTag(0))
  const certificates = wrapper?.enter(TAG.sequence).elements() ?? []
  wrapper?.finish()
  basic.finish()
  const data = DerReader.lenient(signed.toBeSigned).enter(TAG.sequence)
  const { flaws, ...fields } = readResponseData(data)
  const flaw = flaws[0] ?? response.flaw ?? basic.flaw ?? data.flaw
  return { ...signed, ...fields, certificates, ...(flaw !== undefined && { flaw }) }
}

/**
 * Encodes a response with no certificate but its responder's. The certificates are not signed, so anybody on the way
 * could add so many that no container has room for the response.
 *
 * @param signer DER of the responder's certificate, which is left out if it did not come with the response
 * @returns DER OCSPResponse
 */
export function encodeOcspResponse(response: OcspResponse, signer: Buffer): Buffer {
  const came = response.certificates.some((certificate) => certificate.equals(signer))
  return encodeWith(response, came ? [signer] : [])
}

/**
 * Returns a response in which the certificate of its responder is embedded, though it may have come without, as those have
 * that the issuer of the certificate itself has signed.
 *
 * @param der OCSPResponse
 * @param signer DER
 * @returns DER OCSPResponse
 */
export function embedResponder(der: Buffer, signer: Buffer): Buffer {
  return encodeWith(readOcspResponse(der), [signer])
}

function encodeWith(signed: SignedObject, certificates: readonly Buffer[]): Buffer {
  const embedded =
    certificates.length === 0 ? [] : [encode(contextTag(0), encode(TAG.sequence, ...certificates))]
  const basic = encodeSignedObject(signed, ...embedded)
  const bytes = encode(
    TAG.sequence,
    encodeObjectIdentifier(ID_BASIC_RESPONSE),
    encode(TAG.octetString, basic),
  )
  return encode(TAG.sequence, encode(TAG.enumerated, SUCCESSFUL), encode(contextTag(0), bytes))
}

/** Returns the content of the BasicOCSPResponse. */
function readBasicResponse(response: DerReader): DerReader {
  const status = response.content(TAG.enumerated)
  if (!status.equals(SUCCESSFUL)) {
    const message = `it answered ${FAILURES[status[0] as number] ?? 'with an unknown status'}`
    throw status[0] === UNAUTHORIZED ? new UnknownCertificate(message) : new Error(message)
  }
  const wrapper = response.enter(contextTag(0))
  response.finish()
  const bytes = wrapper.enter(TAG.sequence)
  wrapper.finish()
  if (bytes.objectIdentifier() !== ID_BASIC_RESPONSE) {
    throw new Error('it answered in a form that is not supported')
  }
  const octets = DerReader.lenient(bytes.content(TAG.octetString))
  bytes.finish()
  const basic = octets.enter(TAG.sequence)
  octets.finish()
  return basic
}

interface ResponseData extends Pick<OcspResponse, 'responder' | 'producedAt' | 'answers' | 'extensions'> {
  readonly flaws: readonly string[]
}

function readResponseData(data: DerReader): ResponseData {
  /** Readers that must be at their end when all is read. Others could not read the answer if anything followed. */
  const ends = [data]
  const flaws: string[] = []
  // DER leaves out the default, but some responders write it
  const version = enterExplicit(data, contextTag(0), ends)?.content(TAG.integer)
  if (version !== undefined && !version.equals(VERSION_1)) {
    flaws.push('it answered in an unknown version')
  }
  const responder = readResponderId(data, ends)
  const producedAt = data.element(TAG.generalizedTime)
  const list = data.enter(TAG.sequence)
  const answers: SingleResponse[] = []
  while (list.tag !== undefined) {
    answers.push(readSingleResponse(list.enter(TAG.sequence), ends, flaws))
  }
  const extensions = readResponseExtensions(data, flaws)
  if (ends.some(({ tag }) => tag !== undefined)) {
    flaws.push('it holds more than RFC 6960 4.2.1 has')
  }
  return { responder, producedAt, answers, extensions, flaws }
}

/** Passes over the next element if it has that tag, and returns a reader of what must be the only element in it. */
function enterExplicit(reader: DerReader, tag: number, ends: DerReader[]): DerReader | undefined {
  const inner = reader.enterOptional(tag)
  ends.push(...(inner === undefined ? [] : [inner]))
  return inner
}

function readResponderId(data: DerReader, ends: DerReader[]): ResponderId {
  const name = enterExplicit(data, contextTag(1), ends)?.element(TAG.sequence)
  if (name !== undefined) {
    return { name }
  }
  const key = data.enter(contextTag(2))
  ends.push(key)
  return { keyHash: key.content(TAG.octetString) }
}

function readSingleResponse(single: DerReader, ends: DerReader[], flaws: string[]): SingleResponse {
  const id = single.enter(TAG.sequence)
  const algorithm = id.enter(TAG.sequence)
  const hashAlgorithm = algorithm.objectIdentifier()
  const parameters = algorithm.enterOptional(TAG.null)
  ends.push(single, id, algorithm, ...(parameters === undefined ? [] : [parameters]))
  return {
    hashAlgorithm,
    issuerNameHash: id.content(TAG.octetString),
    issuerKeyHash: id.content(TAG.octetString),
    serialNumber: id.content(TAG.integer),
    status: readStatus(single, ends, flaws),
    thisUpdate: readAnswerTime(single, flaws, readGeneralizedTime),
    nextUpdate: readOptionalTime(enterExplicit(single, contextTag(0), ends), flaws),
    extensions: readExtensions(single.enterOptional(contextTag(1)), flaws),
  }
}

/**
 * Reads responseExtensions. Validators that encode these anew, as those with Bouncy Castle, leave out what DER leaves out; they take
 * each SingleResponse as it came.
 */
function readResponseExtensions(reader: DerReader, flaws: string[]): Extensions {
  const extensions = readExtensions(reader.enterOptional(contextTag(1)), flaws)
  if (hasWrittenDefault(extensions)) {
    flaws.push(describeEncodingFlaw('it is no DER: an extension says that it is not critical, the default'))
  }
  return extensions
}

function readOptionalTime(wrapper: DerReader | undefined, flaws: string[]): Date | undefined {
  return wrapper && readAnswerTime(wrapper, flaws, readGeneralizedTime)
}

/** Reads CertStatus, whose alternatives are tagged implicitly. */
function readStatus(single: DerReader, ends: DerReader[], flaws: string[]): SingleResponse['status'] {
  if (enterExplicit(single, contextTag(0, 'primitive'), ends) !== undefined) {
    return 'good'
  }
  if (single.tag === contextTag(2, 'primitive')) {
    single.element()
    return 'unknown'
  }
  const revoked = single.enter(contextTag(1))
  const at = readAnswerTime(revoked, flaws)
  return { at, reason: describeReason(revoked.enterOptional(contextTag(0))?.content(TAG.enumerated)[0]) }
}
