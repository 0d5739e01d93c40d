import { type AsymmetricKeyDetails, constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'
import { quote } from '../common/quote.ts'
import { copyDigest, findHashByOid, HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { keyDetails } from './key-details.ts'
import { encodePublicKey } from './public-key.ts'
import { modulusLength } from './rsa-pkcs1.ts'
import { messageOf, type SignatureAlgorithm } from './signature-algorithm.ts'

/** RSASSA-PSS and its mask generation function (RFC 8017 A.2.3, B.2.1). */
export const ID_RSASSA_PSS = '1.2.840.113549.1.1.10'
const ID_MGF1 = '1.2.840.113549.1.1.8'

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

/** Details of an RSA key, whose modulus Node always has. */
export type RsaDetails = AsymmetricKeyDetails & { readonly modulusLength: number }

/**
 * Returns the hash that signatures must have, and the shortest salt; undefined if the key has no such parameters, or
 * unsupported ones, which `findUnsupportedPss` describes.
 */
export function readPssRestriction(publicKey: KeyObject): PssParameters | undefined {
  const { hashAlgorithm, saltLength } = keyDetails(publicKey)
  const hash = HASH_ALGORITHMS.find(({ nodeName }) => nodeName === hashAlgorithm)
  return hash === undefined || saltLength === undefined ? undefined : { hash, saltLength }
}

/** Describes the parameters of an RSA key if this service cannot sign with them. */
export function findUnsupportedPss(publicKey: KeyObject): string | undefined {
  const { hashAlgorithm, mgf1HashAlgorithm, modulusLength } = keyDetails(publicKey) as RsaDetails
  if (hashAlgorithm === undefined) {
    return undefined
  }
  const restriction = readPssRestriction(publicKey)
  if (restriction === undefined) {
    return `RSASSA-PSS parameters with the hash ${hashAlgorithm}`
  }
  // RFC 4055 3.1 recommends the same hash, and tokens refuse others
  if (mgf1HashAlgorithm !== hashAlgorithm) {
    return `RSASSA-PSS parameters with two hashes (${hashAlgorithm}, and ${mgf1HashAlgorithm} for MGF1)`
  }
  const { hash, saltLength } = restriction
  // The padding must have room for the digest and the salt (RFC 8017 9.1.1, step 3)
  const room = Math.ceil((modulusLength - 1) / 8) - hash.digestLength - 2
  return saltLength > room
    ? `RSASSA-PSS parameters with a salt of ${saltLength} bytes, where its ${modulusLength} bits have room for ${room}`
    : undefined
}

/**
 * Describes the parameters of an id-RSASSA-PSS key if this service does not know them, such as those with SHA-3. Node
 * does not tell: Node 20 calls such a hash sha1, and Node 24 tells of no parameters.
 *
 * @param publicKeyInfo DER SubjectPublicKeyInfo
 */
export function findUnknownPss(publicKeyInfo: Buffer): string | undefined {
  try {
    const algorithm = new DerReader(publicKeyInfo).enter(TAG.sequence).element(TAG.sequence)
    const { oid, parameters } = readAlgorithmIdentifier(algorithm)
    if (oid === ID_RSASSA_PSS && parameters !== undefined) {
      parsePssParameters(parameters)
    }
    return undefined
  } catch (error) {
    return `RSASSA-PSS parameters that cannot be used: ${(error as Error).message}`
  }
}

/** The longest salt, in bytes, that a key of 4096 bits has room for. */
const MAX_SALT_LENGTH = 512

interface PssParameters {
  readonly hash: HashAlgorithm
  /** Length of the salt in bytes. */
  readonly saltLength: number
}

/** Encodes `RSASSA-PSS-params` with MGF1 of the same hash. DER leaves out fields with their default values. */
export function encodePssParameters({ hash: { oid }, saltLength }: PssParameters): asn1js.Sequence {
  // The parameters of the hash itself are NULL here (RFC 4055 2.1)
  const hash = { algorithmId: oid, algorithmParams: new asn1js.Null() }
  return new pkijs.RSASSAPSSParams({
    hashAlgorithm: new pkijs.AlgorithmIdentifier(hash),
    maskGenAlgorithm: new pkijs.AlgorithmIdentifier({
      algorithmId: ID_MGF1,
      algorithmParams: new pkijs.AlgorithmIdentifier(hash).toSchema(),
    }),
    saltLength,
  }).toSchema()
}

/**
 * Reads `RSASSA-PSS-params`.
 *
 * @param der the parameters of an AlgorithmIdentifier; undefined if it has none
 * @throws Error that names the parameter that is not supported
 */
export function parsePssParameters(der: Buffer | undefined): PssParameters {
  const { hashId, maskHashId, saltLength } = parse(der)
  const hash = findHashByOid(hashId)
  if (hash === undefined) {
    throw unsupportedHash(hashId)
  }
  if (maskHashId !== hashId) {
    throw new Error(
      'its mask generation function has another hash than the signature, which is not supported',
    )
  }
  return { hash, saltLength }
}

/** Hashes that only some validators know with RSASSA-PSS, in node:crypto's spelling, keyed by object identifiers of NIST. */
const OTHER_HASHES: ReadonlyMap<string, string> = new Map(
  ['sha512-224', 'sha512-256', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512'].map((name, index) => [
    `2.16.840.1.101.3.4.2.${5 + index}`,
    name,
  ]),
)

/** The parameters of a signature that only some validators may know. */
export interface ReceivedPss {
  /** node:crypto's spelling. */
  readonly nodeHash: string
  /** Length of the salt in bytes. */
  readonly saltLength: number
  /** True if the key must be restricted to the parameters, with `restrictToPss`, since node:crypto cannot be told MGF1's hash. */
  readonly hasOtherMaskHash: boolean
}

/**
 * Reads the `RSASSA-PSS-params` of a signature about a revocation, which counts with all parameters that OpenSSL verifies.
 *
 * @param der the parameters of an AlgorithmIdentifier; undefined if it has none
 * @throws Error that names the parameter that is not supported
 */
export function parseReceivedPss(der: Buffer | undefined): ReceivedPss {
  const { hashId, maskHashId, saltLength } = parse(der)
  const nodeHash = findHashByOid(hashId)?.nodeName ?? OTHER_HASHES.get(hashId)
  if (nodeHash === undefined) {
    throw unsupportedHash(hashId)
  }
  return { nodeHash, saltLength, hasOtherMaskHash: maskHashId !== hashId }
}

/**
 * Returns an RSA key with the parameters of a signature, so that OpenSSL verifies with both hashes of them (RFC 4055 1.2). A
 * key keeps parameters of its own, if Node.js tells their hash.
 *
 * @param algorithm DER AlgorithmIdentifier of the signature
 * @throws Error when OpenSSL cannot read the parameters
 */
export function restrictToPss(key: KeyObject, algorithm: Buffer): KeyObject {
  if (keyDetails(key).hashAlgorithm !== undefined) {
    return key
  }
  const info = DerReader.enterOnly(encodePublicKey(key), TAG.sequence)
  info.element(TAG.sequence)
  const restricted = encode(TAG.sequence, algorithm, info.element(TAG.bitString))
  return createPublicKey({ key: restricted, type: 'spki', format: 'der' })
}

interface ParsedParameters {
  /** Dotted object identifiers of the hash, and of that of MGF1. */
  readonly hashId: string
  readonly maskHashId: string
  readonly saltLength: number
}

function parse(der: Buffer | undefined): ParsedParameters {
  const { parameters, maskHash } = decode(der)
  const { hashAlgorithm, maskGenAlgorithm, saltLength, trailerField } = parameters
  if (maskGenAlgorithm.algorithmId !== ID_MGF1) {
    throw new Error(`its mask generation function, ${quote(maskGenAlgorithm.algorithmId)}, is not supported`)
  }
  if (!(saltLength >= 0 && saltLength <= MAX_SALT_LENGTH)) {
    throw new Error('its salt has an impossible length')
  }
  if (trailerField !== 1) {
    throw new Error('its trailer field is not that of RFC 8017')
  }
  return { hashId: hashAlgorithm.algorithmId, maskHashId: maskHash.algorithmId, saltLength }
}

function decode(der: Buffer | undefined) {
  try {
    // pkijs would take the defaults for missing parameters, which RFC 4056 3 does not mean
    const schema = der === undefined ? new asn1js.Null() : asn1js.fromBER(der).result
    const parameters = new pkijs.RSASSAPSSParams({ schema })
    const maskHash = new pkijs.AlgorithmIdentifier({
      schema: parameters.maskGenAlgorithm.algorithmParams ?? new asn1js.Null(),
    })
    return { parameters, maskHash }
  } catch {
    throw new Error('the parameters of its algorithm, RSASSA-PSS, are missing or broken')
  }
}

function unsupportedHash(id: string): Error {
  return new Error(`its hash algorithm, ${quote(id)}, is not supported`)
}
