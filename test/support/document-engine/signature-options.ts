/** The option of Document Engine's sign request (`signatureContainer`) that decides which callback is made. */
export const CONTAINERS = ['raw', 'pkcs7'] as const
export type Container = (typeof CONTAINERS)[number]

/** `signature_type` of the callback. */
export const SIGNATURE_TYPES = ['cms', 'cades'] as const
export type SignatureType = (typeof SIGNATURE_TYPES)[number]

/** `hash_algorithm` of the callback; Document Engine spells SHA-1 `sha160`. */
export const HASH_ALGORITHMS = ['sha256', 'sha384', 'sha512', 'sha224', 'sha160'] as const
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number]

/** Object identifiers of RFC 8017 appendix B.1. */
export const HASH_OIDS: Readonly<Record<HashAlgorithm, string>> = {
  sha160: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

/** The PDF signature dictionary's SubFilter of each type (ISO 32000-2 table 260, ETSI EN 319 142-1 6.3). */
export const SUB_FILTERS: Readonly<Record<SignatureType, string>> = {
  cms: 'adbe.pkcs7.detached',
  cades: 'ETSI.CAdES.detached',
}

/** Bytes reserved for the container when nothing else is asked for: Document Engine's `estimatedSize`. */
export const DEFAULT_ESTIMATED_SIZE = 32768

/** Document Engine's `SIGNING_SERVICE_TIMEOUT`, in ms. */
export const DEFAULT_TIMEOUT_MS = 5000

/** The guides' `SIGNING_SERVICE_URL`, on the machine itself. */
export const DEFAULT_URL = 'http://127.0.0.1:6080/sign'
