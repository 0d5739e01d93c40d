import * as asn1js from 'asn1js'
import { copyDigest, HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'

/**
 * Encodes `DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING }` (RFC 8017 9.2), which
 * `CKM_RSA_PKCS` pads and signs. The parameters are NULL, as RFC 8017 A.2.4 demands for PKCS#1 v1.5.
 *
 * @param digest bytes, exactly `algorithm.digestLength` of them
 */
export function encodeDigestInfo(algorithm: HashAlgorithm, digest: Uint8Array): Buffer {
  return Buffer.concat([PREFIXES.get(algorithm) as Buffer, copyDigest(algorithm, digest)])
}

/** The beginning of a DigestInfo, up to the digest in its last field, keyed by hash algorithm. */
const PREFIXES = new Map(
  HASH_ALGORITHMS.map((algorithm) => {
    const encoded = Buffer.from(
      new asn1js.Sequence({
        value: [
          new asn1js.Sequence({
            value: [new asn1js.ObjectIdentifier({ value: algorithm.oid }), new asn1js.Null()],
          }),
          new asn1js.OctetString({ valueHex: new Uint8Array(algorithm.digestLength) }),
        ],
      }).toBER(),
    )
    return [algorithm, encoded.subarray(0, encoded.length - algorithm.digestLength)]
  }),
)
