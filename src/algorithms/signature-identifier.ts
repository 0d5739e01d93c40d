/** Reads how the AlgorithmIdentifier of a signature says that it was made: the one reader for all that others sign. */
import * as asn1js from 'asn1js'
import { type AlgorithmIdentifier, readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { ECDSA_WITH_HASH, ID_RSASSA_PSS, RSA_ENCRYPTION, RSA_WITH_HASH } from './object-identifiers.ts'
import { parsePssParameters } from './pss-parameters.ts'

export interface SignatureIdentifier {
  /** Dotted. */
  readonly oid: string
  /** Types of keys that make it, as node:crypto names them. */
  readonly keyTypes: readonly string[]
  /** Undefined for rsaEncryption, which leaves the hash to be said elsewhere (RFC 3370 3.2). */
  readonly hash: HashAlgorithm | undefined
  /** Bytes; for RSASSA-PSS alone. */
  readonly saltLength?: number
}

/**
 * Octets of parameters, of which RSASSA-PSS has 50 or so. They are read before any signature is verified: of the 20 MB that
 * a CRL may have, asn1js would make gigabytes in a quarter of a minute, in which nobody is answered.
 */
const MAX_PARAMETERS_LENGTH = 1_000

/**
 * @param der AlgorithmIdentifier. With RSASSA-PKCS1-v1_5 and ECDSA, parameters are absent or NULL: RFC 4055 5 has both
 *   accepted of RSA, and some authorities write NULL with ECDSA too
 * @throws Error that says in words what is not supported
 */
export function readSignatureIdentifier(der: Buffer): SignatureIdentifier {
  const { oid, parameters } = tryRead(der)
  if (parameters !== undefined && parameters.length > MAX_PARAMETERS_LENGTH) {
    throw new Error(`its signature algorithm, ${oid}, has parameters that are too long`)
  }
  if (oid === ID_RSASSA_PSS) {
    const schema = parameters && asn1js.fromBER(parameters).result
    return { oid, keyTypes: ['rsa', 'rsa-pss'], ...parsePssParameters(schema) }
  }
  const known = KNOWN.get(oid)
  if (known === undefined || parameters !== undefined) {
    throw new Error(`its signature algorithm, ${oid}, is not supported`)
  }
  return { oid, ...known }
}

function tryRead(der: Buffer): AlgorithmIdentifier {
  try {
    return readAlgorithmIdentifier(der)
  } catch {
    throw new Error('its signature algorithm is none')
  }
}

type Known = Pick<SignatureIdentifier, 'keyTypes' | 'hash'>

const KNOWN = new Map<string, Known>([
  [RSA_ENCRYPTION, { keyTypes: ['rsa'], hash: undefined }],
  ...HASH_ALGORITHMS.map((hash): [string, Known] => [RSA_WITH_HASH[hash.name], { keyTypes: ['rsa'], hash }]),
  ...HASH_ALGORITHMS.map((hash): [string, Known] => [ECDSA_WITH_HASH[hash.name], { keyTypes: ['ec'], hash }]),
])
