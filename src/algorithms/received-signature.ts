/** Verifies the signatures of SignerInfos that others made (RFC 5652 5.4). */
import { type KeyObject, verify } from 'node:crypto'
import type { AlgorithmIdentifier } from 'pkijs'
import type { HashAlgorithm } from './hash-algorithms.ts'
import { verifyPss } from './rsa-pss.ts'
import { readSignatureIdentifier, type SignatureIdentifier } from './signature-identifier.ts'

export interface ReceivedSignature {
  /** The signatureAlgorithm of the SignerInfo. */
  readonly signatureAlgorithm: AlgorithmIdentifier
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
    const identifier = readSignatureIdentifier(Buffer.from(received.signatureAlgorithm.toSchema().toBER()))
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
