import { constants, type KeyObject, verify } from 'node:crypto'
import * as pkijs from 'pkijs'
import { copyDigest, HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { ID_RSASSA_PSS } from './object-identifiers.ts'
import { encodePssParameters } from './pss-parameters.ts'
import { readPssRestriction } from './pss-restriction.ts'
import { messageOf, type SignatureAlgorithm } from './signature-algorithm.ts'
import { modulusLength } from './verification.ts'

/** RSASSA-PSS for keys without restrictions: the salt is as long as the digest, the most that FIPS 186-5 5.4 allows. */
export const RSA_PSS = createRsaPss(HASH_ALGORITHMS, ({ digestLength }) => digestLength)

/**
 * Returns RSASSA-PSS for a key, with the hash and the salt length of the key's parameters if it has any (RFC 4055 3.3).
 * These would allow a longer salt too, but not every verifier accepts one.
 */
export function rsaPssFor(publicKey: KeyObject): SignatureAlgorithm {
  const restriction = readPssRestriction(publicKey)
  return restriction === undefined ? RSA_PSS : createRsaPss([restriction.hash], () => restriction.saltLength)
}

/**
 * Builds RSASSA-PSS (RFC 8017 8.1) with MGF1 of the same hash. The token pads and signs the bare digest, and returns
 * the signature's octets.
 *
 * @param saltLengthOf returns the length in bytes
 */
function createRsaPss(
  hashes: readonly HashAlgorithm[],
  saltLengthOf: (hash: HashAlgorithm) => number,
): SignatureAlgorithm {
  // The same parameters belong in SignerInfos (RFC 4056 3) and in certificates (RFC 4055 3.1)
  const identify = (hash: HashAlgorithm) =>
    new pkijs.AlgorithmIdentifier({
      algorithmId: ID_RSASSA_PSS,
      algorithmParams: encodePssParameters({ hash, saltLength: saltLengthOf(hash) }),
    })
  return {
    name: 'rsassa-pss',
    keyTypes: ['rsa', 'rsa-pss'],
    hashes,
    mechanism: (hash) => ({ name: 'CKM_RSA_PKCS_PSS', hash: hash.name, saltLength: saltLengthOf(hash) }),
    tokenInput: copyDigest,
    verify: (publicKey, hash, signed, signature) =>
      verifyPss(publicKey, hash, saltLengthOf(hash), messageOf(signed), signature),
    maxLength: modulusLength,
    encode: (signature) => signature,
    signerInfoIdentifier: identify,
    certificateIdentifier: identify,
  }
}

/**
 * Returns whether an RSASSA-PSS signature, with MGF1 of the same hash, is that of a message.
 *
 * @param saltLength the exact length in bytes
 */
export function verifyPss(
  key: KeyObject,
  hash: HashAlgorithm,
  saltLength: number,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  // OpenSSL accepts signatures that lack their leading zeros, against RFC 8017 8.1.2, step 1
  if (signature.length !== modulusLength(key)) {
    return false
  }
  try {
    return verify(
      hash.nodeName,
      message,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
      signature,
    )
  } catch {
    // OpenSSL throws where the key's own parameters forbid this hash or salt (RFC 4055 1.2)
    return false
  }
}
