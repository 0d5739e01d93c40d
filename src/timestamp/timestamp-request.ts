import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'

/** What a timestamp has to be of. */
export interface TimestampRequest {
  readonly hashAlgorithm: HashAlgorithm
  readonly digest: Buffer
  /** Object identifier. */
  readonly policy?: string
  /** Contents of a positive INTEGER, as short as DER has them. */
  readonly nonce: Buffer
}

/** 8 bytes, as many as every authority can take: the sign is positive, and the first byte no padding (X.690 8.3.2). */
export function createNonce(): Buffer {
  const nonce = randomBytes(8)
  nonce.writeUInt8((nonce.readUInt8() & 0x7f) | 0x40)
  return nonce
}

/** DER `TimeStampReq` (RFC 3161 2.4.1) that asks for the authority's certificates too. */
export function encodeTimestampRequest({ hashAlgorithm, digest, policy, nonce }: TimestampRequest): Buffer {
  const request = new pkijs.TimeStampReq({
    version: 1,
    messageImprint: new pkijs.MessageImprint({
      // There are authorities that know the hash only with NULL
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
