/** Object identifiers of keys and signatures. Those of hash algorithms are in hash-algorithms.ts. */
import type { HashAlgorithm } from './hash-algorithms.ts'

/** rsaEncryption (RFC 3370 3.2), the signature algorithm that every validator of PDF signatures knows. */
export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

/** RSASSA-PKCS1-v1_5 with each hash (RFC 8017 A.2.4). */
export const RSA_WITH_HASH: Readonly<Record<HashAlgorithm['name'], string>> = {
  sha160: '1.2.840.113549.1.1.5',
  sha224: '1.2.840.113549.1.1.14',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
}

/** RSASSA-PSS and its mask generation function (RFC 8017 A.2.3, B.2.1). */
export const ID_RSASSA_PSS = '1.2.840.113549.1.1.10'
export const ID_MGF1 = '1.2.840.113549.1.1.8'

/** id-ecPublicKey (RFC 5480 2.1.1). */
export const ID_EC_PUBLIC_KEY = '1.2.840.10045.2.1'

/** ECDSA with each hash (RFC 3279 2.2.3, RFC 5758 3.2). */
export const ECDSA_WITH_HASH: Readonly<Record<HashAlgorithm['name'], string>> = {
  sha160: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
