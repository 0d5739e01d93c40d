import type { X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { SHA_1 } from '../../algorithms/hash-algorithms.ts'
import { ECDSA_WITH_HASH, ID_RSASSA_PSS, RSA_WITH_HASH } from '../../algorithms/object-identifiers.ts'

/**
 * Names the hash functions of signature algorithms whose collisions let others forge certificates (RFC 3279 2.2, and
 * those of the OIW).
 */
const WEAK_SIGNATURES = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.3', 'MD4'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  [RSA_WITH_HASH.sha160, 'SHA-1'],
  ['1.3.14.3.2.3', 'MD5'],
  ['1.3.14.3.2.29', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
  ['1.3.14.3.2.27', 'SHA-1'],
  [ECDSA_WITH_HASH.sha160, 'SHA-1'],
])

/**
 * Finds the weak hash function that a certificate was signed with.
 *
 * @throws Error when asn1js cannot read the certificate, or not the parameters of RSASSA-PSS
 */
export function findWeakSignatureHash({ raw }: X509Certificate): string | undefined {
  const { algorithmId, algorithmParams } = pkijs.Certificate.fromBER(raw).signatureAlgorithm
  if (algorithmId !== ID_RSASSA_PSS) {
    return WEAK_SIGNATURES.get(algorithmId)
  }
  // The default is SHA-1 (RFC 4055 3.1). The hash of the mask generation function need not resist collisions
  const { hashAlgorithm } = new pkijs.RSASSAPSSParams({ schema: algorithmParams })
  return hashAlgorithm.algorithmId === SHA_1.oid ? 'SHA-1' : undefined
}
