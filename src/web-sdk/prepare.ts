/** Turns the body of `sign_hash` into what is signed, once it is certain what that is. */
import { timingSafeEqual } from 'node:crypto'
import type { SignHashBody } from '../../schemas/web-sdk.ts'
import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import {
  readAttributes,
  readSignedAttributes,
  type SignedAttributes,
} from '../cms/signed-attributes-reader.ts'
import type { Level } from '../configuration/container-configuration.ts'
import { DIGEST_MISMATCH, INVALID_REQUEST, PAYLOAD_TOO_LARGE } from '../errors.ts'
import { MAX_MESSAGE_LENGTH } from '../requests/body/body-text.ts'
import {
  checkDigestLength,
  decodeBase64,
  decodeHexDigest,
  hashAlgorithmOfLength,
  parseHashAlgorithm,
} from '../requests/fields.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { checkNamedCertificates } from '../signing/named-certificates.ts'
import { checkSigningTime } from '../signing/signing-time.ts'

/** Levels from the lowest. */
const LEVELS: readonly Level[] = ['b-b', 'b-t', 'b-lt']

/** A request that was checked. */
export interface SignHashRequest {
  /** The signer whose certificate the attributes name. */
  readonly signer: Signer
  readonly type: SignatureType
  /** The level that was asked for, or that of the signer if this is lower. */
  readonly level: Level
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the contents, which is the message-digest among the attributes. */
  readonly contentsDigest: Buffer
  /** DER SET OF Attribute. */
  readonly attributes: Buffer
  /** Digest of the attributes, which is signed. */
  readonly digest: Buffer
}

/**
 * Checks a request.
 *
 * @throws INVALID_REQUEST, PAYLOAD_TOO_LARGE, UNSUPPORTED_HASH_ALGORITHM, DIGEST_MISMATCH, SIGNER_MISMATCH, HSM_UNAVAILABLE
 */
export function prepareSignHash(
  body: SignHashBody,
  chosen: Signer,
  signers: Pick<Signers, 'chooseFor'>,
): SignHashRequest {
  const type = parseType(body.signatureType)
  const attributes = decodeBase64('dataToBeSigned', require('dataToBeSigned', body.dataToBeSigned))
  if (attributes.length > MAX_MESSAGE_LENGTH) {
    throw new PAYLOAD_TOO_LARGE(`dataToBeSigned: must not have more than ${MAX_MESSAGE_LENGTH} bytes`)
  }
  const contentsDigest = decodeHexDigest('hash', require('hash', body.hash))
  const signed = checkAttributes(attributes, contentsDigest, type)
  // A former signer, whose certificate the page has, may have had other rules and another level
  const signer = signers.chooseFor(chosen, signed.certificates, 'dataToBeSigned')
  const implied = hashAlgorithmOfLength(contentsDigest.length)
  const hashAlgorithm = parseHashAlgorithm(body.hashAlgorithm ?? implied, signer.rules)
  checkDigestLength('hash', contentsDigest, hashAlgorithm)
  checkNamedCertificates('dataToBeSigned', signed, signer)
  const level = parseLevel(body.cadesLevel, signer.container.level)
  const { template } = signer.certificate()
  if (!template.protectsAlgorithms(hashAlgorithm, readAttributes(attributes))) {
    throw invalidAttributes('has a CMSAlgorithmProtection of other algorithms than those of the signer')
  }
  checkSigningTime('dataToBeSigned', signed.signingTime, signer)
  return {
    ...{ signer, type, level, hashAlgorithm, contentsDigest, attributes },
    digest: digest(hashAlgorithm, attributes),
  }
}

function require(field: string, text: string | null | undefined): string {
  if (text === null || text === undefined) {
    throw new INVALID_REQUEST(`${field}: is required`)
  }
  return text
}

/** Reads the type, which is CAdES if absent, as in the SDK. */
function parseType(name: string | null | undefined): SignatureType {
  const type = (name ?? 'cades').toLowerCase()
  if (type !== 'cades' && type !== 'cms') {
    throw new INVALID_REQUEST('signatureType: must be CAdES or CMS')
  }
  return type
}

/** Reads the level, which is that of the signer at most: pages that say nothing ask for b-lt. */
function parseLevel(name: string | null | undefined, highest: Level): Level {
  const asked = LEVELS.indexOf((name ?? highest).toLowerCase() as Level)
  if (asked < 0) {
    throw new INVALID_REQUEST('cadesLevel: must be b-b, b-t or b-lt')
  }
  return LEVELS[Math.min(asked, LEVELS.indexOf(highest))] as Level
}

/**
 * Checks that bytes are signed attributes of the contents (RFC 5652 5.4, 11).
 *
 * @throws INVALID_REQUEST, DIGEST_MISMATCH
 */
function checkAttributes(der: Buffer, contentsDigest: Buffer, type: SignatureType): SignedAttributes {
  const attributes = readDer(der)
  if (!attributes.hasDataContentType) {
    throw invalidAttributes('must have one content-type, which is id-data')
  }
  const { messageDigest } = attributes
  if (messageDigest === undefined) {
    throw invalidAttributes('must have one message-digest')
  }
  if (messageDigest.length !== contentsDigest.length || !timingSafeEqual(messageDigest, contentsDigest)) {
    throw new DIGEST_MISMATCH('hash', 'message-digest in dataToBeSigned', '')
  }
  // EN 319 122-1 6.3 requires signing-certificate-v2
  if (type === 'cades' && attributes.certificates.length === 0) {
    throw invalidAttributes('must have signing-certificate-v2 (RFC 5035 3) for CAdES')
  }
  return attributes
}

function readDer(der: Buffer): SignedAttributes {
  let attributes: SignedAttributes | undefined
  try {
    attributes = readSignedAttributes(der)
  } catch (error) {
    throw invalidAttributes(
      `are signed attributes whose certificate cannot be told: ${(error as Error).message}`,
    )
  }
  if (attributes === undefined) {
    throw invalidAttributes('must be signed attributes, the DER SET OF Attribute (RFC 5652 5.4, 11)')
  }
  return attributes
}

function invalidAttributes(problem: string): Error {
  return new INVALID_REQUEST(`dataToBeSigned: ${problem}`)
}
