import { type KeyObject, verify } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { curveOf, type EllipticCurve } from './elliptic-curves.ts'
import { copyDigest, HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { messageOf, type SignatureAlgorithm } from './signature-algorithm.ts'

/** ECDSA with each hash (RFC 3279 2.2.3, RFC 5758 3.2). */
export const ECDSA_WITH_HASH: Readonly<Record<HashAlgorithm['name'], string>> = {
  sha160: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}

/**
 * ECDSA (FIPS 186-5 6.4) on the supported curves. The token signs the bare digest and returns r and s one after the
 * other, each as long as the order (PKCS#11 2.40 2.3.1). Everybody else writes them in DER.
 */
export const ECDSA: SignatureAlgorithm = {
  name: 'ecdsa',
  keyTypes: ['ec'],
  hashes: HASH_ALGORITHMS,
  mechanism: () => ({ name: 'CKM_ECDSA' }),
  /** Cuts the digest to the length of the order (FIPS 186-5 6.4.1): tokens refuse longer ones, or sign other bytes. */
  tokenInput: (hash, digest, publicKey) => copyDigest(hash, digest).subarray(0, knownCurve(publicKey).size),
  verify(publicKey, hash, signed, signature) {
    const message = messageOf(signed)
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    const size = curveOf(publicKey)?.size ?? 0
    return size > 0 && signature.length === 2 * size && verify(hash.nodeName, message, key, signature)
  },
  /** Adds the DER headers, and a leading zero octet for each half. */
  maxLength: (publicKey) => 2 * (knownCurve(publicKey).size + 3) + 3,
  /** Encodes `Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 2.2.3). */
  encode(signature) {
    const half = signature.length / 2
    const value = [signature.subarray(0, half), signature.subarray(half)].map(toInteger)
    return new Uint8Array(new asn1js.Sequence({ value }).toBER())
  },
  signerInfoIdentifier: identify,
  certificateIdentifier: identify,
}

function knownCurve(publicKey: KeyObject): EllipticCurve {
  const curve = curveOf(publicKey)
  if (curve === undefined) {
    throw new TypeError('the key is on none of the curves that are supported')
  }
  return curve
}

function toInteger(unsigned: Uint8Array): asn1js.Integer {
  return asn1js.Integer.fromBigInt(`0x${Buffer.from(unsigned).toString('hex')}`)
}

/** Builds the identifier without parameters, with SHA-1 too (RFC 5753 7.1.3, RFC 5758 3.2). */
function identify({ name }: HashAlgorithm): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({ algorithmId: ECDSA_WITH_HASH[name] })
}
