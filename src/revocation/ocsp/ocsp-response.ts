/** Reads answers of OCSP responders (RFC 6960 4.2.1): what they say, of which nothing is verified yet. */

import { DerReader } from '../../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../asn1/der-writer.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { readTime } from '../../asn1/time.ts'
import { type Extensions, readExtensions } from '../../x509/extensions.ts'
import { ID_BASIC_RESPONSE } from '../object-identifiers.ts'
import { describeReason, type Revocation } from '../revocation-reason.ts'
import { readSignedObject, type SignedObject } from '../signed-object.ts'
import type { CertificateId } from './ocsp-request.ts'

/** Content of its INTEGER (RFC 6960 4.2.1). */
const VERSION_1 = Buffer.of(0)

/** Content of its ENUMERATED (RFC 6960 4.2.1). */
const SUCCESSFUL = Buffer.of(0)

/** OCSPResponseStatus in words, by its number. */
const FAILURES: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
}

export interface OcspResponse extends SignedObject {
  readonly responder: ResponderId
  readonly answers: readonly SingleResponse[]
  readonly extensions: Extensions
  /** DER. */
  readonly certificates: readonly Buffer[]
}

/** Who says that it answers: the name of its certificate, DER, or the SHA-1 digest of its key. */
export type ResponderId = { readonly name: Buffer } | { readonly keyHash: Buffer }

export interface SingleResponse extends CertificateId {
  /** Dotted, of both digests. */
  readonly hashAlgorithm: string
  readonly status: 'good' | 'unknown' | Revocation
  readonly thisUpdate: Date
  readonly nextUpdate: Date | undefined
  readonly extensions: Extensions
}

/** @throws Error whose message says why it is no answer */
export function readOcspResponse(der: Buffer): OcspResponse {
  const outer = new DerReader(der)
  const basic = readBasicResponse(outer.enter(TAG.sequence))
  outer.finish()
  const signed = readSignedObject(basic)
  const wrapper = basic.enterOptional(contextTag(0))
  const certificates = wrapper?.enter(TAG.sequence).elements() ?? []
  wrapper?.finish()
  basic.finish()
  return {
    ...signed,
    ...readResponseData(new DerReader(signed.toBeSigned).enter(TAG.sequence)),
    certificates,
  }
}

/**
 * Encodes a response with one certificate of those that it came with. They are not signed: anybody on the way could add
 * so many that no container has room for the response.
 *
 * @param signer DER of the responder's certificate, which is left out where it did not come
 * @returns DER OCSPResponse, which is the one that came where there is nothing to leave out
 */
export function encodeOcspResponse(
  { toBeSigned, algorithm, signature, certificates }: OcspResponse,
  signer: Buffer,
): Buffer {
  const bits = encode(TAG.bitString, Buffer.of(0), signature)
  const kept = certificates.some((certificate) => certificate.equals(signer))
    ? [encode(contextTag(0), encode(TAG.sequence, signer))]
    : []
  const basic = encode(TAG.sequence, toBeSigned, algorithm, bits, ...kept)
  const bytes = encode(
    TAG.sequence,
    encodeObjectIdentifier(ID_BASIC_RESPONSE),
    encode(TAG.octetString, basic),
  )
  return encode(TAG.sequence, encode(TAG.enumerated, SUCCESSFUL), encode(contextTag(0), bytes))
}

/** What is in the SEQUENCE of the BasicOCSPResponse. */
function readBasicResponse(response: DerReader): DerReader {
  const status = response.content(TAG.enumerated)
  if (!status.equals(SUCCESSFUL)) {
    throw new Error(`it answered ${FAILURES[status[0] as number] ?? 'with a status that there is not'}`)
  }
  const wrapper = response.enter(contextTag(0))
  response.finish()
  const bytes = wrapper.enter(TAG.sequence)
  wrapper.finish()
  if (bytes.objectIdentifier() !== ID_BASIC_RESPONSE) {
    throw new Error('it answered in a form that is not supported')
  }
  const octets = new DerReader(bytes.content(TAG.octetString))
  bytes.finish()
  const basic = octets.enter(TAG.sequence)
  octets.finish()
  return basic
}

function readResponseData(data: DerReader): Pick<OcspResponse, 'responder' | 'answers' | 'extensions'> {
  // The default, which DER leaves out and some responders write
  const version = data.enterOptional(contextTag(0))?.content(TAG.integer)
  if (version !== undefined && !version.equals(VERSION_1)) {
    throw new Error('it answered in a version that there is not')
  }
  const responder = readResponderId(data)
  data.content(TAG.generalizedTime) // producedAt
  const list = data.enter(TAG.sequence)
  const answers: SingleResponse[] = []
  while (list.tag !== undefined) {
    answers.push(readSingleResponse(list.enter(TAG.sequence)))
  }
  return { responder, answers, extensions: readExtensions(data.enterOptional(contextTag(1))) }
}

function readResponderId(data: DerReader): ResponderId {
  const name = data.enterOptional(contextTag(1))
  return name === undefined
    ? { keyHash: data.enter(contextTag(2)).content(TAG.octetString) }
    : { name: name.element(TAG.sequence) }
}

function readSingleResponse(single: DerReader): SingleResponse {
  const id = single.enter(TAG.sequence)
  return {
    hashAlgorithm: id.enter(TAG.sequence).objectIdentifier(),
    issuerNameHash: id.content(TAG.octetString),
    issuerKeyHash: id.content(TAG.octetString),
    serialNumber: id.content(TAG.integer),
    status: readStatus(single),
    thisUpdate: readTime(single, { fractions: true }),
    nextUpdate: readOptionalTime(single.enterOptional(contextTag(0))),
    extensions: readExtensions(single.enterOptional(contextTag(1))),
  }
}

function readOptionalTime(wrapper: DerReader | undefined): Date | undefined {
  return wrapper && readTime(wrapper, { fractions: true })
}

/** CertStatus, whose alternatives are tagged implicitly. */
function readStatus(single: DerReader): SingleResponse['status'] {
  if (single.tag === contextTag(0, 'primitive')) {
    single.element()
    return 'good'
  }
  if (single.tag === contextTag(2, 'primitive')) {
    single.element()
    return 'unknown'
  }
  const revoked = single.enter(contextTag(1))
  const at = readTime(revoked, { fractions: true })
  return { at, reason: describeReason(revoked.enterOptional(contextTag(0))?.content(TAG.enumerated)[0]) }
}
