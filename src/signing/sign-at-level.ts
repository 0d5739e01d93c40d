import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { RevocationValues } from '../cms/container-template.ts'
import { addRevocationValues } from '../cms/revocation-values.ts'
import type { Level } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import type { CertificatePath, RevocationEvidence } from '../revocation/revocation-information.ts'
import {
  determineLevel,
  obtainTimestamp,
  type ReachedLevel,
  requireEvidence,
  requireTimestamper,
  type SigningContext,
} from './level.ts'
import { checkCrls, gatherFitting } from './size-limit.ts'

export interface SignatureRequest {
  /** The certificate that verifies the signature. */
  readonly signerCertificate: SignerCertificate
  readonly hashAlgorithm: HashAlgorithm
  readonly signed: SignedMessage
  /** The wanted level, which is that of the signer at most. */
  readonly level: Level
}

/** A signature over what its caller has built, and what its level takes beside it. */
export interface LevelSignature extends ReachedLevel {
  readonly signature: Uint8Array
  /** DER TimeStampToken of the signature; at b-lt with revocation data about its authority, and CRLs about the signer's. */
  readonly timestampToken?: Buffer
  /** Revocation data about the signer's chain; absent below b-lt. */
  readonly evidence?: RevocationEvidence
}

/**
 * Makes a signature, and gathers what its level takes: the document that holds the signature has to hold it too.
 *
 * @throws CONTAINER_TOO_LARGE, TIMESTAMP_UNAVAILABLE, REVOCATION_UNAVAILABLE, and the errors of `Signer.sign`
 */
export async function signAtLevel(
  { signerCertificate, hashAlgorithm, signed, level }: SignatureRequest,
  context: SigningContext,
): Promise<LevelSignature> {
  const { signer, options } = context
  const { path } = signerCertificate
  requireTimestamper(level, context)
  const evidence = level === 'b-lt' ? requireRevocations(path, context) : undefined
  const signature = await signer.sign(signerCertificate, hashAlgorithm, signed, options)
  const { sizeLimit } = signer.container
  const isUsable = (path: CertificatePath) =>
    gatherFitting([], [path], sizeLimit, context).covered.includes(path)
  const timestamp = await obtainTimestamp(level, signature, signerCertificate, context, evidence && isUsable)
  const ofAuthority = evidence && timestamp && requireRevocations(timestamp.path, context)
  const token = timestamp && embedRevocations(timestamp.token, ofAuthority?.values, evidence?.values)
  const covered = [...(evidence?.covered ?? []), ...(ofAuthority?.covered ?? [])]
  return {
    signature,
    ...(token && { timestampToken: token }),
    ...(evidence && { evidence }),
    ...determineLevel(level, signerCertificate, timestamp, covered),
  }
}

/**
 * Embeds in a timestamp token the revocation data about its authority, and the CRLs about the signer's chain: the Web SDK
 * writes nothing but OCSP responses about that chain into a document.
 */
function embedRevocations(
  token: Buffer,
  ofAuthority: RevocationValues | undefined,
  ofSigner: RevocationValues | undefined,
): Buffer {
  const ocspResponses = ofAuthority?.ocspResponses ?? []
  const crls = [...(ofAuthority?.crls ?? []), ...(ofSigner?.crls ?? [])]
  return ocspResponses.length + crls.length === 0
    ? token
    : addRevocationValues(token, { ocspResponses, crls })
}

/**
 * Gathers revocation data about a path.
 *
 * @throws REVOCATION_UNAVAILABLE if some are missing, unless the level may be lower; CONTAINER_TOO_LARGE
 */
function requireRevocations(path: CertificatePath, context: SigningContext): RevocationEvidence {
  const { container } = context.signer
  const evidence = gatherFitting([path], [], container.sizeLimit, context)
  requireEvidence(path, evidence, container.revocationFallback)
  checkCrls(evidence, context)
  return evidence
}
