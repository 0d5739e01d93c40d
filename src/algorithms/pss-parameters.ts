/** Reads and writes the parameters of RSASSA-PSS signatures (RFC 4055 3.1, RFC 8017 A.2.3). */
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { quote } from '../common/quote.ts'
import { findHashByOid, type HashAlgorithm } from './hash-algorithms.ts'
import { ID_MGF1 } from './object-identifiers.ts'

/** The longest salt, in bytes, that a key of 4096 bits has room for. */
const MAX_SALT_LENGTH = 512

export interface PssParameters {
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
 * @param schema the parameters of an AlgorithmIdentifier, as asn1js parsed them
 * @throws Error that names the parameter that is not supported
 */
export function parsePssParameters(schema: unknown): PssParameters {
  const { parameters, maskHash } = parse(schema)
  const { maskGenAlgorithm, saltLength, trailerField } = parameters
  const hash = findHash(parameters.hashAlgorithm)
  if (maskGenAlgorithm.algorithmId !== ID_MGF1) {
    throw new Error(`its mask generation function, ${quote(maskGenAlgorithm.algorithmId)}, is not supported`)
  }
  if (maskHash.algorithmId !== hash.oid) {
    throw new Error(
      'its mask generation function has another hash than the signature, which is not supported',
    )
  }
  if (!(saltLength >= 0 && saltLength <= MAX_SALT_LENGTH)) {
    throw new Error('its salt has an impossible length')
  }
  if (trailerField !== 1) {
    throw new Error('its trailer field is not that of RFC 8017')
  }
  return { hash, saltLength }
}

function parse(schema: unknown) {
  try {
    // pkijs would take the defaults for missing parameters, which RFC 4056 3 does not mean
    const parameters = new pkijs.RSASSAPSSParams({ schema: schema ?? new asn1js.Null() })
    const maskHash = new pkijs.AlgorithmIdentifier({
      schema: parameters.maskGenAlgorithm.algorithmParams ?? new asn1js.Null(),
    })
    return { parameters, maskHash }
  } catch {
    throw new Error('the parameters of its algorithm, RSASSA-PSS, are missing or broken')
  }
}

function findHash({ algorithmId }: pkijs.AlgorithmIdentifier): HashAlgorithm {
  const hash = findHashByOid(algorithmId)
  if (hash === undefined) {
    throw new Error(`its hash algorithm, ${quote(algorithmId)}, is not supported`)
  }
  return hash
}
