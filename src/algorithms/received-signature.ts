/** Reads the AlgorithmIdentifiers of signatures that others made, and verifies those of SignerInfos (RFC 5652 5.4). */
import { type KeyObject, verify } from 'node:crypto'
import { type AlgorithmIdentifier, readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { ECDSA_WITH_HASH } from './ecdsa.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { RSA_ENCRYPTION, RSA_WITH_HASH } from './rsa-pkcs1.ts'
import { ID_RSASSA_PSS, parsePssParameters, RSA_PSS, verifyPss } from './rsa-pss.ts'

export interface ReceivedSignature {
  /** The signatureAlgorithm of the SignerInfo, DER. */
  readonly signatureAlgorithm: Buffer
  readonly hashAlgorithm: HashAlgorithm
  readonly publicKey: KeyObject
  readonly message: Uint8Array
  /** RSA octets, or DER for ECDSA. */
  readonly signature: Uint8Array
}

const OTHER_SIGNATURE = 'it is not that of the signer certificate over these signed attributes'

/** Finds what keeps a signature from being that of the key over the message, in words. */
export function findSignatureProblem(received: ReceivedSignature): string | undefined {
  try {
    const identifier = readSignatureIdentifier(received.signatureAlgorithm)
    return (
      findAlgorithmProblem(identifier, received) ??
      (verifies(identifier, received) ? undefined : OTHER_SIGNATURE)
    )
  } catch (error) {
    return (error as Error).message
  }
}

function findAlgorithmProblem(
  { oid, keyTypes, hash }: SignatureIdentifier,
  { hashAlgorithm, publicKey }: ReceivedSignature,
): string | undefined {
  if (!keyTypes.includes(`${publicKey.asymmetricKeyType}`)) {
    return `its algorithm, ${oid}, is not supported with this key`
  }
  // The hash of the signature must be that of the signed attributes (RFC 4056 3)
  return hash === undefined || hash === hashAlgorithm
    ? undefined
    : 'it is over another hash than that of the signed attributes'
}

function verifies({ saltLength }: SignatureIdentifier, received: ReceivedSignature): boolean {
  const { hashAlgorithm, publicKey, message, signature } = received
  return saltLength === undefined
    ? verify(hashAlgorithm.nodeName, message, publicKey, signature)
    : verifyPss(publicKey, hashAlgorithm, saltLength, message, signature)
}

export interface SignatureIdentifier {
  /** Dotted object identifier. */
  readonly oid: string
  /** Types of keys that make such signatures, as node:crypto names them. */
  readonly keyTypes: readonly string[]
  /** Undefined for rsaEncryption: the hash is then named elsewhere (RFC 3370 3.2). */
  readonly hash: HashAlgorithm | undefined
  /** Length of the salt in bytes; only for RSASSA-PSS. */
  readonly saltLength?: number
}

/**
 * Octets of parameters; those of RSASSA-PSS have about 50. They are read before any signature is verified: asn1js would
 * turn the 20 MB of a hostile CRL into gigabytes, and block the event loop for 15 s.
 */
const MAX_PARAMETERS_LENGTH = 1_000

/**
 * Reads the AlgorithmIdentifier of a signature. With RSASSA-PKCS1-v1_5 and ECDSA, parameters are absent or NULL: RFC
 * 4055 5 accepts both for RSA, and some authorities write NULL with ECDSA too.
 *
 * @param der AlgorithmIdentifier
 * @throws Error whose message says what is not supported
 */
export function readSignatureIdentifier(der: Buffer): SignatureIdentifier {
  const { oid, parameters } = readSignatureParameters(der)
  if (oid === ID_RSASSA_PSS) {
    return { oid, keyTypes: RSA_PSS.keyTypes, ...parsePssParameters(parameters) }
  }
  const known = KNOWN.get(oid)
  if (known === undefined || parameters !== undefined) {
    throw new Error(`its signature algorithm, ${oid}, is not supported`)
  }
  return { oid, ...known }
}

/**
 * Reads the parameters of a signature's AlgorithmIdentifier.
 *
 * @param der AlgorithmIdentifier
 * @throws Error when it is malformed, or its parameters are too long
 */
export function readSignatureParameters(der: Buffer): AlgorithmIdentifier {
  const { oid, parameters } = tryRead(der)
  if (parameters !== undefined && parameters.length > MAX_PARAMETERS_LENGTH) {
    throw new Error(`its signature algorithm, ${oid}, has parameters that are too long`)
  }
  return { oid, parameters }
}

function tryRead(der: Buffer): AlgorithmIdentifier {
  try {
    return readAlgorithmIdentifier(der)
  } catch {
    throw new Error('its signature algorithm is malformed')
  }
}

type Known = Pick<SignatureIdentifier, 'keyTypes' | 'hash'>

const KNOWN = new Map<string, Known>([
  [RSA_ENCRYPTION, { keyTypes: ['rsa'], hash: undefined }],
  ...HASH_ALGORITHMS.map((hash): [string, Known] => [RSA_WITH_HASH[hash.name], { keyTypes: ['rsa'], hash }]),
  ...HASH_ALGORITHMS.map((hash): [string, Known] => [ECDSA_WITH_HASH[hash.name], { keyTypes: ['ec'], hash }]),
])
