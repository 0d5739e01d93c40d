/** Signatures that others made, in the forms that signed containers may have them in. */
import { type KeyObject, verify } from 'node:crypto'
import type { AlgorithmIdentifier } from 'pkijs'
import { ECDSA_WITH_HASH } from './ecdsa.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import { ID_RSASSA_PSS, parsePssParameters } from './pss-parameters.ts'
import { RSA_ENCRYPTION, RSA_WITH_HASH } from './rsa-pkcs1.ts'
import { verifyPss } from './rsa-pss.ts'

export interface ForeignSignature {
  /** Of the SignerInfo. */
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly hashAlgorithm: HashAlgorithm
  readonly publicKey: KeyObject
  readonly message: Uint8Array
  /** ECDSA in DER. */
  readonly signature: Uint8Array
}

/** What keeps a signature from being that of the key over the message, in words; undefined where it is. */
export function describeWrongSignature(foreign: ForeignSignature): string | undefined {
  const { hashAlgorithm, publicKey, message, signature } = foreign
  const { algorithmId: id, algorithmParams } = foreign.signatureAlgorithm
  const { asymmetricKeyType: type = '' } = publicKey
  const hash = hashAlgorithm.name
  if (id === ID_RSASSA_PSS && ['rsa', 'rsa-pss'].includes(type)) {
    return describeWrongPss(foreign, algorithmParams)
  }
  const isRsa = type === 'rsa' && [RSA_ENCRYPTION, RSA_WITH_HASH[hash]].includes(id)
  const isEcdsa = type === 'ec' && id === ECDSA_WITH_HASH[hash]
  if (!isRsa && !isEcdsa) {
    return `its algorithm, ${id}, is not supported with this hash and key`
  }
  return describe(verify(hashAlgorithm.nodeName, message, publicKey, signature))
}

function describeWrongPss(
  { hashAlgorithm, publicKey, message, signature }: ForeignSignature,
  schema: unknown,
): string | undefined {
  try {
    const { hash, saltLength } = parsePssParameters(schema)
    // RFC 4056 3
    return hash === hashAlgorithm
      ? describe(verifyPss(publicKey, hash, saltLength, message, signature))
      : 'it is over another hash than that of the signed attributes'
  } catch (error) {
    return (error as Error).message
  }
}

function describe(right: boolean): string | undefined {
  return right ? undefined : 'it is not that of the signer certificate over these signed attributes'
}
