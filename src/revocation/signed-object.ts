/** Reads and verifies `SIGNED { ToBeSigned }` of X.509, the form of CRLs and OCSP responses. */
import { constants, type KeyObject, verify } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { readSignatureIdentifier, type SignatureIdentifier } from '../algorithms/signature-identifier.ts'
import type { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'

export interface SignedObject {
  /** DER, as it was signed. */
  readonly toBeSigned: Buffer
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Buffer
  readonly signature: Buffer
}

/**
 * Reads the three fields of a signed object.
 *
 * @param reader content of the outer SEQUENCE, in which further elements may follow
 * @throws Error when a field is malformed
 */
export function readSignedObject(reader: DerReader): SignedObject {
  const toBeSigned = reader.element(TAG.sequence)
  const algorithm = reader.element(TAG.sequence)
  return { toBeSigned, algorithm, signature: reader.bits() }
}

/**
 * Finds what keeps the signature from being that of the key, in words. It hashes in the thread pool, since a CRL has
 * megabytes.
 *
 * @param key undefined if it is of a kind that OpenSSL does not know
 */
export async function findSignatureProblem(
  { toBeSigned, algorithm, signature }: SignedObject,
  key: KeyObject | undefined,
): Promise<string | undefined> {
  const how = readVerification(algorithm)
  if (typeof how === 'string') {
    return how
  }
  const { hash, keyTypes, saltLength } = how
  if (key === undefined || !keyTypes.includes(`${key.asymmetricKeyType}`)) {
    return 'its signature is not of the kind that the key makes'
  }
  const options = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
  const right = await new Promise((resolve) => {
    // An error says that the parameters of the key forbid this hash or salt (RFC 4055 1.2)
    verify(hash.nodeName, toBeSigned, { key, ...options }, signature, (error, right) =>
      resolve(!error && right),
    )
  })
  return right ? undefined : 'its signature does not verify'
}

type Verification = SignatureIdentifier & { readonly hash: HashAlgorithm }

/** Reads how to verify the signature, or returns a message that says why the algorithm is not supported. */
function readVerification(algorithm: Buffer): Verification | string {
  try {
    const { hash, ...identifier } = readSignatureIdentifier(algorithm)
    if (hash === undefined) {
      return `its signature algorithm, ${identifier.oid}, is not supported`
    }
    // Others than the issuer can find a second content with the same SHA-1 digest
    return hash.name === 'sha160'
      ? 'its signature is over a SHA-1 digest, which is not supported'
      : { ...identifier, hash }
  } catch (error) {
    return (error as Error).message
  }
}
