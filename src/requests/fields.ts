/** Decodes the fields of a body. Messages name the field and never quote its value. */
import {
  DEFAULT_HASH_ALGORITHM,
  digest,
  findHashAlgorithm,
  HASH_ALGORITHMS,
  type HashAlgorithm,
} from '../algorithms/hash-algorithms.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { SignerRules } from '../configuration/signer-configuration.ts'
import { INVALID_REQUEST, UNSUPPORTED_HASH_ALGORITHM } from '../errors.ts'
import { MARK_LENGTH, MAX_MESSAGE_LENGTH } from './body/body-text.ts'
import { type Base64Digests, isCanonicalBase64 } from './body/long-string.ts'

/** A field that is not decoded yet, with its name for errors. */
export interface EncodedField {
  readonly field: string
  /** Only the beginning of the text if it was hashed while it arrived. */
  readonly text: string
  readonly hashed: Base64Digests | undefined
}

/** The decoded bytes of a field, or their digests. */
export interface Contents {
  /** The bytes; absent if there are more than MAX_MESSAGE_LENGTH, which may have been hashed while they arrived. */
  readonly message?: Buffer
  /**
   * Returns the digest of the bytes. May be called once.
   *
   * @throws INVALID_REQUEST if the bytes were hashed with other algorithms while they arrived
   */
  digest(algorithm: HashAlgorithm): Buffer
}

/**
 * Decodes a field, or takes the digests that were computed while it arrived.
 *
 * @throws INVALID_REQUEST naming the field
 */
export function decodeContents({ field, text, hashed }: EncodedField): Contents {
  if (hashed === undefined) {
    const bytes = decodeBase64(field, text)
    const message = bytes.length > MAX_MESSAGE_LENGTH ? {} : { message: bytes }
    return { ...message, digest: (algorithm) => digest(algorithm, bytes) }
  }
  if (!hashed.isBase64) {
    throw notBase64(field)
  }
  return {
    digest(algorithm) {
      const found = hashed.digest(algorithm)
      if (found === undefined) {
        // The signers changed while the contents arrived
        throw new INVALID_REQUEST(
          `${field}: arrived before this signer allowed ${algorithm.name}; send the request again`,
        )
      }
      return found
    },
  }
}

/** Decodes what is kept of a field that `decodeContents` has accepted: tens of thousands of bytes of a longer one. */
export function decodeBeginning({ text, hashed }: EncodedField): Buffer {
  return Buffer.from(hashed === undefined ? text : text.slice(0, -MARK_LENGTH), 'base64')
}

/**
 * Decodes base64 with the standard alphabet, padded, in one line (RFC 4648 4). Anything else is refused rather than
 * guessed at, since the decoded bytes are signed.
 *
 * @throws INVALID_REQUEST naming the field
 */
export function decodeBase64(field: string, text: string): Buffer {
  if (text === '') {
    throw new INVALID_REQUEST(`${field}: must not be empty`)
  }
  const bytes = Buffer.from(text, 'base64')
  if (!isCanonicalBase64(text, bytes)) {
    throw notBase64(field)
  }
  return bytes
}

function notBase64(field: string): Error {
  return new INVALID_REQUEST(
    `${field}: must be base64 (RFC 4648 section 4) with padding and without line breaks`,
  )
}

/**
 * Decodes a hex digest, in upper or lower case.
 *
 * @throws INVALID_REQUEST naming the field
 */
export function decodeHexDigest(field: string, text: string): Buffer {
  // The length is checked first, since the expression would run out of stack on a text of megabytes
  if (text.length > 128 || !/^([0-9a-f]{2})+$/i.test(text)) {
    throw new INVALID_REQUEST(`${field}: must be a digest in hex`)
  }
  return Buffer.from(text, 'hex')
}

/** @throws INVALID_REQUEST naming the field, unless a digest has the length of those of the algorithm */
export function checkDigestLength(
  field: string,
  { length }: Uint8Array,
  { name, digestLength }: HashAlgorithm,
): void {
  if (length !== digestLength) {
    throw new INVALID_REQUEST(`${field}: a ${name} digest has ${digestLength} bytes, this one ${length}`)
  }
}

/** Hash algorithms that the length of a digest implies. A request has to name weaker ones. */
const IMPLIED_BY_LENGTH: readonly HashAlgorithm['name'][] = ['sha256', 'sha384', 'sha512']

/** Returns the hash algorithm that the length of a digest, in bytes, implies; undefined if it implies none. */
export function hashAlgorithmOfLength(length: number | undefined): HashAlgorithm['name'] | undefined {
  return HASH_ALGORITHMS.find(
    ({ name, digestLength }) => digestLength === length && IMPLIED_BY_LENGTH.includes(name),
  )?.name
}

/** @throws UNSUPPORTED_HASH_ALGORITHM if it is unknown, or not among the allowed ones */
export function parseHashAlgorithm(
  name: string | null | undefined,
  { hashAlgorithms }: Pick<SignerRules, 'hashAlgorithms'>,
): HashAlgorithm {
  const algorithm = findHashAlgorithm(name ?? DEFAULT_HASH_ALGORITHM)
  if (algorithm === undefined || !hashAlgorithms.includes(algorithm)) {
    throw new UNSUPPORTED_HASH_ALGORITHM(hashAlgorithms.map((allowed) => allowed.name).join(', '))
  }
  return algorithm
}

/** Reads the signature type, which is `cms` if absent, since Document Engine of 2019 to 2021 sends none. */
export function parseSignatureType(name: string | null | undefined): SignatureType {
  const type = name ?? 'cms'
  if (type !== 'cms' && type !== 'cades') {
    throw new INVALID_REQUEST('signature_type: must be cms or cades')
  }
  return type
}
