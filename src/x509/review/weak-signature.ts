import type { X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'

/** By hash functions of which collisions can be made, and with them certificates for others: RFC 3279 2.2, and the OIW. */
const WEAK_SIGNATURES = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.3', 'MD4'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.3.14.3.2.3', 'MD5'],
  ['1.3.14.3.2.29', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
  ['1.3.14.3.2.27', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
])
/** Whose hash functions are those of the SHA families (RFC 4055 2.1). */
const RSASSA_PSS = '1.2.840.113549.1.1.10'
const SHA_1 = '1.3.14.3.2.26'

/**
 * The weak hash function that a certificate was signed with; undefined if it is none.
 *
 * @throws Error when asn1js cannot read the certificate, or not the parameters of RSASSA-PSS
 */
export function findWeakSignatureHash({ raw }: X509Certificate): string | undefined {
  const { algorithmId, algorithmParams } = pkijs.Certificate.fromBER(raw).signatureAlgorithm
  if (algorithmId !== RSASSA_PSS) {
    return WEAK_SIGNATURES.get(algorithmId)
  }
  // SHA-1 unless they say otherwise (RFC 4055 3.1); that of the mask generation function need not resist collisions
  const { hashAlgorithm } = new pkijs.RSASSAPSSParams({ schema: algorithmParams })
  return hashAlgorithm.algorithmId === SHA_1 ? 'SHA-1' : undefined
}
