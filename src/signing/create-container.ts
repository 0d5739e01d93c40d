/** From a digest to the container that is about it, of the level that its signer's containers are to have. */

import { digest } from '../algorithms/digest.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedDataRequest } from '../cms/container-template.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import type { Level } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { CONTAINER_TOO_LARGE, REVOCATION_UNAVAILABLE, TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import type { SignOptions } from '../pkcs11/signing-jobs.ts'
import {
  type CertificatePath,
  gatherEvidence,
  type RevocationEvidence,
} from '../revocation/revocation-evidence.ts'
import type { Signer } from '../signers/signer.ts'
import type { Timestamp } from '../timestamp/verify-response.ts'

/** Of the time of a request, for what is left to do when there is a timestamp, in milliseconds. */
const FINISH_MS = 50

export interface ContainerRequest {
  readonly type: SignatureType
  /** Whether the content is a file of its own, not a PDF that the container will be in: `cades` differs there. */
  readonly overFile?: true
  readonly hashAlgorithm: HashAlgorithm
  /** Of the detached content. */
  readonly messageDigest: Uint8Array
}

export interface ContainerContext {
  readonly signer: Pick<Signer, 'container' | 'sources' | 'validCertificate' | 'sign'>
  readonly options: Omit<SignOptions, 'verify'>
}

export interface Container {
  /** ContentInfo. */
  readonly der: Buffer
  /** That it has. */
  readonly level: Level
  /** The code of the error for which it has not the level that it was to have. */
  readonly shortfall?: string
}

/**
 * Builds a detached CMS container.
 *
 * @throws CERTIFICATE_NOT_VALID, CERTIFICATE_REVOKED, CONTAINER_TOO_LARGE, TIMESTAMP_UNAVAILABLE,
 *   REVOCATION_UNAVAILABLE, and what signing throws
 */
export async function createContainer(
  request: ContainerRequest,
  context: ContainerContext,
): Promise<Container> {
  const { signer, options } = context
  const { hashAlgorithm } = request
  // One signer for the whole request: the certificate that is embedded is the one that the signature verifies with
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
  // So that the HSM does not sign what nobody will get
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
  return { der, ...determineLevel(signer.container.level, signerCertificate, timestamp, evidence) }
}

/**
 * Tells whether revocation data are signed, as adbe-revocationInfoArchival, where readers of PDFs look for them. CAdES
 * over a file has them in SignedData.crls, where its own readers look (EN 319 122-1 6.3).
 */
function signsRevocationData({ type, overFile }: ContainerRequest): boolean {
  return type === 'cms' || !overFile
}

/**
 * Gathers what is known of the revocation of certificates before there is a signature. Where it is signed, it is also
 * about the authorities that may timestamp.
 *
 * @returns undefined where the level needs none
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

/** Gathers the same, and what is known about the authority that has timestamped. */
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
  // What is signed cannot be added to any more
  const evidence = signsRevocationData(request)
    ? before
    : gatherEvidence([signerCertificate.path, path], sources.revocations)
  requireEvidence(path, evidence, container.revocationFallback)
  return evidence
}

function requireEvidence(
  path: CertificatePath,
  { covered, publicProblems, problems }: RevocationEvidence,
  fallback: 'refuse' | 'b-t',
): void {
  if (fallback === 'refuse' && !covered.includes(path)) {
    const others =
      'the certificates of the timestamp authority are not those of before; try again in a moment'
    // The log has the details, and whoever reads no log finds them in the cause
    throw publicProblems.length === 0
      ? new REVOCATION_UNAVAILABLE(others)
      : new REVOCATION_UNAVAILABLE(publicProblems.join('. '), { cause: new Error(problems.join('. ')) })
  }
}

/**
 * A container that is too large for its CRLs alone is not even built: with tens of megabytes of them, that would keep
 * all other requests waiting.
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
 * @returns undefined where the level needs none, or may be lower
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

/** @throws CONTAINER_TOO_LARGE */
function checkSize({ length }: Buffer, { signer }: ContainerContext): void {
  const { sizeLimit } = signer.container
  if (length > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(String(length), String(sizeLimit))
  }
}

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
