import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'

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
  const request = new pkijs.TimeStampReq({
    version: 1,
    messageImprint: new pkijs.MessageImprint({
      // Some authorities accept the hash algorithm only with NULL parameters
      hashAlgorithm: new pkijs.AlgorithmIdentifier({
        algorithmId: hashAlgorithm.oid,
        algorithmParams: new asn1js.Null(),
      }),
      hashedMessage: new asn1js.OctetString({ valueHex: digest }),
    }),
    ...(policy === undefined ? {} : { reqPolicy: policy }),
    nonce: new asn1js.Integer({ valueHex: nonce }),
    certReq: true,
  })
  return Buffer.from(request.toSchema().toBER())
}
