/** Builds the container for a digest, with the level that is configured for its signer. */

import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedDataRequest } from '../cms/container-template.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { Level } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { CONTAINER_TOO_LARGE, REVOCATION_UNAVAILABLE, TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import {
  type CertificatePath,
  gatherEvidence,
  type RevocationEvidence,
} from '../revocation/revocation-information.ts'
import type { Signer } from '../signers/signer.ts'
import type { Timestamp } from '../timestamp/verify-response.ts'

/** Time kept free, in ms, for the work after the timestamp. */
const FINISH_MS = 50

export interface ContainerRequest {
  readonly type: SignatureType
  /** The content is a file of its own, not a PDF that will hold the container; `cades` differs then. */
  readonly overFile?: true
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
}

export interface ContainerContext {
  readonly signer: Pick<Signer, 'container' | 'sources' | 'validCertificate' | 'sign'>
  readonly options: SignOptions
}

export interface Container {
  /** DER ContentInfo (RFC 5652 3). */
  readonly der: Buffer
  /** The signature in its SignerInfo. */
  readonly signature: Uint8Array
  /** The certificate that verifies it. */
  readonly signerCertificate: SignerCertificate
  /** The level that was reached. */
  readonly level: Level
  /** Code of the error that kept it from the configured level. */
  readonly shortfall?: string
}

/**
 * Builds a detached CMS container.
 *
 * @throws CERTIFICATE_NOT_VALID, CERTIFICATE_REVOKED, CONTAINER_TOO_LARGE, TIMESTAMP_UNAVAILABLE,
 *   REVOCATION_UNAVAILABLE, and the errors of `Signer.sign`
 */
export async function createContainer(
  request: ContainerRequest,
  context: ContainerContext,
): Promise<Container> {
  const { signer, options } = context
  const { hashAlgorithm } = request
  // Read once for the whole request, so that the embedded certificate is the one that verifies the signature
  const signerCertificate = signer.validCertificate()
  const known = gatherBeforeSigning(request, signerCertificate, context)
  const signedAttributes = signerCertificate.template.signedAttributes({
    ...request,
    signingTime: new Date(),
    ...(signsRevocationData(request) && selectRevocationValues(known, context)),
  })
  const encode = (parts: Pick<SignedDataRequest, 'signature' | 'timestamp'>, evidence = known) =>
    signerCertificate.template.signedData({
      hashAlgorithm,
      signedAttributes,
      ...parts,
      ...(!signsRevocationData(request) && selectRevocationValues(evidence, context)),
    })
  // Checked before signing, so that the HSM makes no signature for a container that is refused
  checkSize(
    encode({ signature: Buffer.alloc(signerCertificate.algorithm.maxLength(signerCertificate.publicKey)) }),
    context,
  )
  const signed = { digest: digest(hashAlgorithm, signedAttributes), message: signedAttributes }
  const signature = await signer.sign(signerCertificate, hashAlgorithm, signed, options)
  const timestamp = await obtainTimestamp(signature, context)
  const evidence = timestamp && gatherAfterTimestamp(request, signerCertificate, timestamp, known, context)
  const der = encode({ signature, ...(timestamp && { timestamp: timestamp.token }) }, evidence)
  checkSize(der, context)
  return {
    der,
    signature,
    signerCertificate,
    ...determineLevel(signer.container.level, signerCertificate, timestamp, evidence),
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
 * give the timestamp.
 *
 * @returns undefined if the level needs none
 * @throws REVOCATION_UNAVAILABLE unless the level may be lower
 */
function gatherBeforeSigning(
  request: ContainerRequest,
  signerCertificate: SignerCertificate,
  { signer: { container, sources } }: ContainerContext,
): RevocationEvidence | undefined {
  if (container.level !== 'b-lt') {
    return undefined
  }
  const authorities = signsRevocationData(request) ? (sources.timestamper?.anchoredPaths() ?? []) : []
  const evidence = gatherEvidence([signerCertificate.path, ...authorities], sources.revocations)
  requireEvidence(signerCertificate.path, evidence, container.revocationFallback)
  return evidence
}

/** Gathers the same for the authority that has given the timestamp, unless the data are signed. */
function gatherAfterTimestamp(
  request: ContainerRequest,
  signerCertificate: SignerCertificate,
  { path }: Timestamp,
  before: RevocationEvidence | undefined,
  { signer: { container, sources } }: ContainerContext,
): RevocationEvidence | undefined {
  if (before === undefined) {
    return undefined
  }
  // Nothing can be added to data that are signed
  const evidence = signsRevocationData(request)
    ? before
    : gatherEvidence([signerCertificate.path, path], sources.revocations)
  requireEvidence(path, evidence, container.revocationFallback)
  return evidence
}

/** Refuses a path without complete revocation data, unless the level may be lower. */
function requireEvidence(
  path: CertificatePath,
  { covered, publicProblems, problems }: RevocationEvidence,
  fallback: 'refuse' | 'b-t',
): void {
  if (fallback === 'refuse' && !covered.includes(path)) {
    const others = 'the timestamp authority has sent other certificates than before; try again in a moment'
    // The cause has the details for the command, which shows no log
    throw publicProblems.length === 0
      ? new REVOCATION_UNAVAILABLE(others)
      : new REVOCATION_UNAVAILABLE(publicProblems.join('. '), { cause: new Error(problems.join('. ')) })
  }
}

/**
 * Selects the revocation data to embed. It refuses CRLs that alone exceed the limit, since encoding tens of megabytes
 * would keep all other requests waiting.
 *
 * @throws CONTAINER_TOO_LARGE
 */
function selectRevocationValues(
  evidence: RevocationEvidence | undefined,
  { signer }: ContainerContext,
): Pick<SignedDataRequest, 'revocationValues'> {
  if (evidence?.values === undefined) {
    return {}
  }
  const { sizeLimit } = signer.container
  const bytes = evidence.values.crls.reduce((sum, { length }) => sum + length, 0)
  if (bytes > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(`at least ${bytes}`, String(sizeLimit))
  }
  return { revocationValues: evidence.values }
}

/**
 * Obtains a timestamp of the signature.
 *
 * @returns undefined if the level needs none, or may be lower
 * @throws TIMESTAMP_UNAVAILABLE
 */
async function obtainTimestamp(
  signature: Uint8Array,
  { signer: { container, sources }, options: { deadline, client } }: ContainerContext,
): Promise<Timestamp | undefined> {
  if (sources.timestamper === undefined) {
    return undefined
  }
  try {
    const limits = { deadline: deadline - FINISH_MS, ...(client && { signal: client.signal() }) }
    return await sources.timestamper.timestamp(signature, limits)
  } catch (error) {
    if (client?.hasLeft) {
      throw new TIMESTAMP_UNAVAILABLE('nobody waits for it any more')
    }
    if (error instanceof TIMESTAMP_UNAVAILABLE && container.timestamps?.fallback === 'b-b') {
      return undefined
    }
    throw error
  }
}

/**
 * Refuses containers that exceed the signer's limit.
 *
 * @throws CONTAINER_TOO_LARGE
 */
function checkSize({ length }: Buffer, { signer }: ContainerContext): void {
  const { sizeLimit } = signer.container
  if (length > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(String(length), String(sizeLimit))
  }
}

/** Determines the level that was reached, and the error that kept it below the configured one. */
function determineLevel(
  wanted: Level,
  signerCertificate: SignerCertificate,
  timestamp: Timestamp | undefined,
  evidence: RevocationEvidence | undefined,
): Pick<Container, 'level' | 'shortfall'> {
  if (timestamp === undefined) {
    return wanted === 'b-b'
      ? { level: wanted }
      : { level: 'b-b', shortfall: new TIMESTAMP_UNAVAILABLE().code }
  }
  const isCovered = [signerCertificate.path, timestamp.path].every((path) => evidence?.covered.includes(path))
  return wanted === 'b-t' || isCovered
    ? { level: wanted }
    : { level: 'b-t', shortfall: new REVOCATION_UNAVAILABLE().code }
}
