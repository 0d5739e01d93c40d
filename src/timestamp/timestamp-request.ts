import { randomBytes } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier, encodeSmallInteger } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'

/** The fields of a request, which the timestamp must match. */
export interface TimestampRequest {
  readonly hashAlgorithm: HashAlgorithm
  readonly digest: Buffer
  /** Dotted object identifier. */
  readonly policy?: string
  /** Content of a positive INTEGER in the shortest form. */
  readonly nonce: Buffer
}

/**
 * Creates 8 random octets, as many as every authority can take. The first one makes the INTEGER positive, and is not
 * padding (X.690 8.3.2).
 */
export function createNonce(): Buffer {
  const nonce = randomBytes(8)
  nonce.writeUInt8((nonce.readUInt8() & 0x7f) | 0x40)
  return nonce
}

/** Encodes a `TimeStampReq` (RFC 3161 2.4.1) that asks for the authority's certificates too. */
export function encodeTimestampRequest({ hashAlgorithm, digest, policy, nonce }: TimestampRequest): Buffer {
  // Some authorities accept the hash algorithm only with NULL parameters
  const algorithm = encode(TAG.sequence, encodeObjectIdentifier(hashAlgorithm.oid), encode(TAG.null))
  return encode(
    TAG.sequence,
    encodeSmallInteger(1),
    encode(TAG.sequence, algorithm, encode(TAG.octetString, digest)),
    ...(policy === undefined ? [] : [encodeObjectIdentifier(policy)]),
    encode(TAG.integer, nonce),
    encode(TAG.boolean, Buffer.of(0xff)),
  )
}
