import type { HashAlgorithm } from './hash-algorithms.ts'

/** RSASSA-PKCS1-v1_5 with each hash (RFC 8017 A.2.4). */
export const RSA_WITH_HASH: Readonly<Record<HashAlgorithm['name'], string>> = {
  sha160: '1.2.840.113549.1.1.5',
  sha224: '1.2.840.113549.1.1.14',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
}

/** rsaEncryption (RFC 3370 3.2), the signature algorithm that every validator of PDF signatures knows. */
export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
