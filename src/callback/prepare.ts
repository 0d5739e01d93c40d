/**
 * Turns a body into the digest to sign. The result holds nothing of the document: a signature may wait seconds for the
 * HSM, and the text of a document can have hundreds of megabytes.
 */
import { timingSafeEqual } from 'node:crypto'
import type { CallbackBody } from '../../schemas/callback.ts'
import {
  DEFAULT_HASH_ALGORITHM,
  findHashAlgorithm,
  type HashAlgorithm,
} from '../algorithms/hash-algorithms.ts'
import type { SignatureIdentifier } from '../algorithms/received-signature.ts'
import type { SignedMessage, SignMechanism } from '../algorithms/signature-algorithm.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import {
  readLongAttributes,
  readSignedAttributes,
  type SignedAttributes,
} from '../cms/signed-attributes-reader.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { DIGEST_MISMATCH, INVALID_REQUEST, NOT_ALLOWED_FOR_SIGNER } from '../errors.ts'
import { MAX_MESSAGE_LENGTH } from '../requests/body/body-text.ts'
import {
  type Contents,
  checkDigestLength,
  decodeBeginning,
  decodeContents,
  decodeHexDigest,
  type EncodedField,
  hashAlgorithmOfLength,
  parseHashAlgorithm,
  parseSignatureType,
} from '../requests/fields.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { checkAllowed, isDocumented } from '../signing/check-allowed.ts'
import { checkNamedCertificates } from '../signing/named-certificates.ts'
import { checkSigningTime } from '../signing/signing-time.ts'
import type { CallbackRequest, Message } from './request.ts'

/** The input of a signature. */
export interface SigningRequest extends SignedMessage {
  readonly kind: Exclude<CallbackRequest['kind'], 'certificates'>
  readonly type: SignatureType
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the contents for a container, or of `data_to_be_signed` for a raw signature. */
  readonly digest: Buffer
}

export interface PrepareContext extends Pick<Configuration, 'digestMismatch'> {
  readonly signer: Signer
  readonly signers: Pick<Signers, 'chooseFor'>
  /** Fields of the request's log line, to which the hash algorithm is added. */
  readonly logDetails: Record<string, string>
}

/** A request that was checked, and the signer that answers it. */
export type PreparedRequest = (SigningRequest | { readonly kind: 'certificates' }) & {
  readonly signer: Signer
}

/**
 * Checks a request, and computes the digest to sign.
 *
 * @throws INVALID_REQUEST, UNSUPPORTED_HASH_ALGORITHM, NOT_ALLOWED_FOR_SIGNER, SIGNER_MISMATCH, DIGEST_MISMATCH,
 *   HSM_UNAVAILABLE
 */
export function prepare(
  body: CallbackBody,
  asked: CallbackRequest,
  context: PrepareContext,
): PreparedRequest {
  const { signer } = context
  const { kind } = asked
  if (kind === 'certificates') {
    return { kind, signer }
  }
  const type = parseSignatureType(body.signature_type)
  checkAllowed(signer, kind === 'raw' ? 'raw' : 'pkcs7', type)
  if (kind === 'raw') {
    return prepareRaw(body, asked.data, type, context)
  }
  const hashAlgorithm = chooseHashAlgorithm(body, hashAlgorithmOfDigest(asked, context), context)
  const digest = findMessageDigest(asked, hashAlgorithm, context)
  return { kind, type, hashAlgorithm, signer, digest }
}

/** @param data `data_to_be_signed` */
function prepareRaw(
  body: CallbackBody,
  data: EncodedField,
  type: SignatureType,
  context: PrepareContext,
): PreparedRequest {
  const { signers, signer } = context
  const contents = decodeContents(data)
  const attributes = readAttributes(contents, data)
  if (signer.rules.rawSigning === 'signed-attributes') {
    requireAttributes(contents.message && attributes, type)
  }
  // A former signer, whose certificate the attributes name, may have had other rules
  const named = signers.chooseFor(signer, attributes?.certificates ?? [], 'data_to_be_signed')
  const implied = hashAlgorithmOfLength(attributes?.messageDigest?.length)
  const hashAlgorithm = chooseHashAlgorithm(body, implied, { ...context, signer: named })
  checkMessageDigest(attributes, hashAlgorithm)
  if (attributes !== undefined) {
    checkNamedCertificates('data_to_be_signed', attributes, named)
  }
  checkProtection(attributes, hashAlgorithm, named)
  checkSigningTime('data_to_be_signed', attributes?.signingTime, named)
  checkAllowed(named, 'raw', type)
  const kept = isDocumented(named) ? {} : { message: requireShort(contents.message, data) }
  const digest = contents.digest(hashAlgorithm)
  return { kind: 'raw', type, hashAlgorithm, signer: named, digest, ...kept }
}

/**
 * Returns the hash algorithm, and adds to the request's log line which it is and why. A name in the body is logged only
 * if it is that of a hash algorithm.
 *
 * @param implied hash algorithm that the length of a digest implies, which counts if the body names none
 */
function chooseHashAlgorithm(
  { hash_algorithm: asked }: CallbackBody,
  implied: HashAlgorithm['name'] | undefined,
  { logDetails, signer }: PrepareContext,
): HashAlgorithm {
  const found = findHashAlgorithm(asked ?? implied ?? DEFAULT_HASH_ALGORITHM)
  const from = (asked ?? undefined) !== undefined ? 'body' : implied !== undefined ? 'digest' : 'default'
  Object.assign(logDetails, found && { hashAlgorithm: found.name }, { hashAlgorithmFrom: from })
  return parseHashAlgorithm(asked ?? implied, signer.rules)
}

/** Refuses a long message for a signer whose signatures are verified with the message itself. */
function requireShort(message: Buffer | undefined, { field }: EncodedField): Buffer {
  if (message === undefined) {
    throw new INVALID_REQUEST(`${field}: must not have more than ${MAX_MESSAGE_LENGTH} bytes for this signer`)
  }
  return message
}

/**
 * Returns the hash algorithm that the length of a digest implies, for requests that name none: Document Engine may be
 * configured to use another one than the default. Returns undefined for a digest that is ignored.
 *
 * @throws INVALID_REQUEST for a digest that is not hex
 */
function hashAlgorithmOfDigest(
  { contents, digest }: Message,
  { digestMismatch }: Pick<Configuration, 'digestMismatch'>,
): HashAlgorithm['name'] | undefined {
  if (digest === undefined || (contents !== undefined && digestMismatch === 'ignore')) {
    return undefined
  }
  return hashAlgorithmOfLength(decodeHexDigest(digest.field, digest.text).length)
}

/**
 * Returns the digest that a container signs: that of the contents, or the given one if there are no contents. If both
 * are given, the contents count, and unless DIGEST_MISMATCH is `ignore` the two must agree.
 *
 * @throws INVALID_REQUEST, DIGEST_MISMATCH
 */
function findMessageDigest(
  request: Message,
  algorithm: HashAlgorithm,
  { digestMismatch }: Pick<Configuration, 'digestMismatch'>,
): Buffer {
  const given = request.digest && decodeHexDigest(request.digest.field, request.digest.text)
  const mustFit = request.contents === undefined || digestMismatch === 'reject'
  if (given !== undefined && mustFit) {
    checkDigestLength((request.digest as EncodedField).field, given, algorithm)
  }
  if (request.contents === undefined) {
    return given as Buffer
  }
  const contents = decodeContents(request.contents)
  if (readAttributes(contents, request.contents)?.messageDigest !== undefined) {
    throw new INVALID_REQUEST(
      `${request.contents.field}: are signed attributes, not the contents of a document: a signature over them is raw, of data_to_be_signed`,
    )
  }
  const computed = contents.digest(algorithm)
  if (given !== undefined && digestMismatch === 'reject' && !timingSafeEqual(given, computed)) {
    throw new DIGEST_MISMATCH(
      (request.digest as EncodedField).field,
      `${algorithm.name} digest of the contents`,
      ', or leave it out',
    )
  }
  return computed
}

/**
 * Reads the signed attributes that a raw signature is made over; of more than MAX_MESSAGE_LENGTH bytes those at their beginning.
 *
 * @returns undefined for opaque bytes
 * @throws INVALID_REQUEST for attributes that name a certificate and can't be read, or may name one behind their beginning
 */
function readAttributes({ message }: Contents, data: EncodedField): SignedAttributes | undefined {
  try {
    return message === undefined ? readLongAttributes(decodeBeginning(data)) : readSignedAttributes(message)
  } catch (error) {
    throw new INVALID_REQUEST(
      `${data.field}: are signed attributes whose certificate cannot be told: ${(error as Error).message}`,
    )
  }
}

/**
 * Refuses attributes whose message-digest has another hash algorithm than the signature, which no verifier would
 * accept.
 *
 * @throws INVALID_REQUEST
 */
function checkMessageDigest(attributes: SignedAttributes | undefined, hashAlgorithm: HashAlgorithm): void {
  const digestLength = attributes?.messageDigest?.length ?? hashAlgorithm.digestLength
  // The message-digest and the signature have the same hash algorithm (RFC 5652 5.4)
  if (digestLength !== hashAlgorithm.digestLength) {
    throw new INVALID_REQUEST(
      `data_to_be_signed: has a message-digest of ${digestLength} bytes, but hash_algorithm ${hashAlgorithm.name} has ` +
        `${hashAlgorithm.digestLength}`,
    )
  }
}

/**
 * Refuses attributes that protect other algorithms than those of the signature (RFC 6211 3).
 *
 * @throws INVALID_REQUEST; HSM_UNAVAILABLE while the certificate of the signer is not known
 */
function checkProtection(
  attributes: SignedAttributes | undefined,
  hashAlgorithm: HashAlgorithm,
  signer: Signer,
): void {
  const protection = attributes?.protectedAlgorithms
  if (protection === undefined) {
    return
  }
  const { algorithm } = signer.certificate()
  const signatures = [
    algorithm.signerInfoIdentifier(hashAlgorithm),
    algorithm.certificateIdentifier(hashAlgorithm),
  ].map(({ algorithmId }) => algorithmId)
  if (
    protection === 'unreadable' ||
    protection.digest !== hashAlgorithm.oid ||
    !signatures.includes(protection.signature.oid) ||
    !hasParametersOf(algorithm.mechanism(hashAlgorithm), protection.signature)
  ) {
    throw new INVALID_REQUEST(
      `data_to_be_signed: has a CMSAlgorithmProtection of other algorithms than hash_algorithm ${hashAlgorithm.name} and ` +
        `${algorithm.name}, with which the signer signs`,
    )
  }
}

/** Returns whether a signature has the parameters with which the token signs: those of RSASSA-PSS, as others have none. */
function hasParametersOf(mechanism: SignMechanism, { hash, saltLength }: SignatureIdentifier): boolean {
  return (
    mechanism.name !== 'CKM_RSA_PKCS_PSS' ||
    (hash?.name === mechanism.hash && saltLength === mechanism.saltLength)
  )
}

/** @throws NOT_ALLOWED_FOR_SIGNER unless these are the signed attributes of data, for a signer that signs nothing else */
function requireAttributes(attributes: SignedAttributes | undefined, type: SignatureType): void {
  if (!attributes?.hasDataContentType || attributes.messageDigest === undefined) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      `data_to_be_signed: must be signed attributes, the DER SET OF Attribute with content-type id-data and message-digest ` +
        `(RFC 5652 5.4) in at most ${MAX_MESSAGE_LENGTH} bytes: RAW_SIGNING or rawSigning of the signer allows nothing else`,
    )
  }
  // EN 319 122-1 6.3 requires signing-certificate-v2
  if (type === 'cades' && attributes.certificates.length === 0) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      `data_to_be_signed: must have signing-certificate-v2 (RFC 5035 3) for signature_type cades, so that it is known whose they are`,
    )
  }
}
