/** Builds the container for a digest, with the level that is configured for its signer. */

import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedDataRequest } from '../cms/container-template.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import type { CertificatePath, RevocationEvidence } from '../revocation/revocation-information.ts'
import type { Timestamp } from '../timestamp/verify-response.ts'
import {
  determineLevel,
  obtainTimestamp,
  type ReachedLevel,
  requireEvidence,
  requireTimestamper,
  type SigningContext,
} from './level.ts'
import { checkSize, gatherFitting, roomBeside, selectRevocationValues } from './size-limit.ts'

export interface ContainerRequest {
  readonly type: SignatureType
  /** The content is a file of its own, not a PDF that will hold the container; `cades` differs then. */
  readonly overFile?: true
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
}

export interface Container extends ReachedLevel {
  /** DER ContentInfo (RFC 5652 3). */
  readonly der: Buffer
  /** The signature in its SignerInfo. */
  readonly signature: Uint8Array
  /** The certificate that verifies it. */
  readonly signerCertificate: SignerCertificate
  /** The timestamp that it holds. */
  readonly timestamp?: Timestamp
  /** The revocation data that it holds. */
  readonly evidence?: RevocationEvidence
}

/**
 * Builds a detached CMS container.
 *
 * @throws CERTIFICATE_NOT_VALID, CERTIFICATE_REVOKED, CONTAINER_TOO_LARGE, TIMESTAMP_UNAVAILABLE,
 *   REVOCATION_UNAVAILABLE, and the errors of `Signer.sign`
 */
export async function createContainer(
  request: ContainerRequest,
  context: SigningContext,
): Promise<Container> {
  const { signer, options } = context
  const { level } = signer.container
  const { hashAlgorithm } = request
  // Read once for the whole request, so that the embedded certificate is the one that verifies the signature
  const signerCertificate = signer.validCertificate()
  requireTimestamper(level, context)
  const { template, algorithm, publicKey } = signerCertificate
  const attributes = { ...request, signingTime: new Date() }
  const placeholder = Buffer.alloc(algorithm.maxLength(publicKey))
  const room = level === 'b-lt' ? measureRoom() : 0
  const known = gatherBeforeSigning(request, signerCertificate, room, context)
  const signedAttributes = template.signedAttributes({
    ...attributes,
    ...(signsRevocationData(request) && selectRevocationValues(known, context)),
  })
  const complete = (parts: Pick<SignedDataRequest, 'signature' | 'timestamp'>, evidence = known) => ({
    hashAlgorithm,
    signedAttributes,
    ...parts,
    ...(!signsRevocationData(request) && selectRevocationValues(evidence, context)),
  })
  function measureRoom(): number {
    const bare = template.signedAttributes(attributes)
    return roomBeside(
      template.signedDataLength({ hashAlgorithm, signedAttributes: bare, signature: placeholder }),
      context,
    )
  }
  // Checked before signing, so that the HSM makes no signature for a container that is refused
  checkSize(template.signedDataLength(complete({ signature: placeholder })), context)
  const signed = { digest: digest(hashAlgorithm, signedAttributes), message: signedAttributes }
  const signature = await signer.sign(signerCertificate, hashAlgorithm, signed, options)
  // Nothing can be added to data that are signed
  const isUsable = (path: CertificatePath) => {
    const evidence = signsRevocationData(request)
      ? known
      : gatherFitting([signerCertificate.path], [path], room, context)
    return evidence?.covered.includes(path) === true
  }
  const timestamp = await obtainTimestamp(level, signature, signerCertificate, context, known && isUsable)
  const evidence =
    timestamp && gatherAfterTimestamp(request, signerCertificate, timestamp, known, room, context)
  const parts = { signature, ...(timestamp && { timestamp: timestamp.token }) }
  const der = template.signedData(complete(parts, evidence))
  checkSize(der.length, context)
  return {
    der,
    signature,
    signerCertificate,
    ...(timestamp && { timestamp }),
    ...(evidence && { evidence }),
    ...determineLevel(level, signerCertificate, timestamp, evidence?.covered ?? []),
  }
}

/**
 * Returns whether revocation data are signed, as adbe-revocationInfoArchival, where readers of PDFs look for them.
 * CAdES over a file has them in SignedData.crls, where its own readers look (EN 319 122-1 6.3).
 */
function signsRevocationData({ type, overFile }: ContainerRequest): boolean {
  return type === 'cms' || !overFile
}

/**
 * Gathers revocation data before there is a signature. If they are signed, they also cover the authorities that may
 * give the timestamp, as far as there is room for what is known about these.
 *
 * @returns undefined if the level needs none
 * @throws REVOCATION_UNAVAILABLE unless the level may be lower
 */
function gatherBeforeSigning(
  request: ContainerRequest,
  signerCertificate: SignerCertificate,
  room: number,
  context: SigningContext,
): RevocationEvidence | undefined {
  const { container, sources } = context.signer
  if (container.level !== 'b-lt') {
    return undefined
  }
  const authorities = signsRevocationData(request) ? (sources.timestamper?.anchoredPaths() ?? []) : []
  const evidence = gatherFitting([signerCertificate.path], authorities, room, context)
  requireEvidence(signerCertificate.path, evidence, container.revocationFallback)
  return evidence
}

/** Gathers the same again with what is about the authority that has given the timestamp, unless the data are signed. */
function gatherAfterTimestamp(
  request: ContainerRequest,
  signerCertificate: SignerCertificate,
  { path }: Timestamp,
  before: RevocationEvidence | undefined,
  room: number,
  context: SigningContext,
): RevocationEvidence | undefined {
  if (before === undefined) {
    return undefined
  }
  // Nothing can be added to data that are signed
  const evidence = signsRevocationData(request)
    ? before
    : gatherFitting([signerCertificate.path, path], [], room, context)
  for (const one of [signerCertificate.path, path]) {
    requireEvidence(one, evidence, context.signer.container.revocationFallback)
  }
  return evidence
}
