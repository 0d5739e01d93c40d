/** Gathers what the level of a signature takes beside the signature: a timestamp, and revocation data. */

import { defined } from '../common/defined.ts'
import type { Level } from '../configuration/container-configuration.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { REVOCATION_UNAVAILABLE, TIMESTAMP_UNAVAILABLE } from '../errors.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import type { CertificatePath, RevocationEvidence } from '../revocation/revocation-information.ts'
import type { Signer } from '../signers/signer.ts'
import type { Timestamp } from '../timestamp/verify-response.ts'
import { findInvalidity } from '../x509/validity.ts'

/** Time kept free, in ms, for the work after the timestamp. */
const FINISH_MS = 50

export interface SigningContext {
  readonly signer: Pick<Signer, 'container' | 'sources' | 'validCertificate' | 'sign'>
  readonly options: SignOptions
}

/** The level of a signature. */
export interface ReachedLevel {
  readonly level: Level
  /** Code of the error that kept it from the level that was asked for. */
  readonly shortfall?: string
}

/**
 * Refuses a path without complete revocation data, unless the level may be lower.
 *
 * @throws REVOCATION_UNAVAILABLE
 */
export function requireEvidence(
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
 * Refuses a request that would get no timestamp, before the HSM signs for it, unless the level may be lower.
 *
 * @throws TIMESTAMP_UNAVAILABLE
 */
export function requireTimestamper(
  level: Level,
  { signer: { container, sources }, options: { owner } }: SigningContext,
): void {
  if (level !== 'b-b' && container.timestamps?.fallback === 'refuse') {
    sources.timestamper?.checkRoom(owner)
  }
}

/**
 * Obtains a timestamp of the signature, at a time at which the certificates of the signer are valid.
 *
 * @param isCovered tells of which authorities there is the revocation information that the level takes, if it takes any
 * @returns undefined if the level needs none, or may be lower
 * @throws TIMESTAMP_UNAVAILABLE
 */
export async function obtainTimestamp(
  level: Level,
  signature: Uint8Array,
  { validity }: SignerCertificate,
  { signer: { container, sources }, options: { deadline, client, owner, trace } }: SigningContext,
  isCovered?: (path: CertificatePath) => boolean,
): Promise<Timestamp | undefined> {
  const timestamper = level === 'b-b' ? undefined : sources.timestamper
  if (timestamper === undefined) {
    return undefined
  }
  try {
    const limits = {
      deadline: deadline - FINISH_MS,
      ...defined({ signal: client?.signal(), owner, trace, isCovered }),
      // Validators look at the path of the signer at the time of the timestamp (EN 319 102-1 5.5.4)
      findTimeProblem: (time: Date) => findInvalidity(validity, time),
    }
    return await timestamper.timestamp(signature, limits)
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

/** Determines the level that was reached, and the error that kept it below the wanted one. */
export function determineLevel(
  wanted: Level,
  signerCertificate: SignerCertificate,
  timestamp: Timestamp | undefined,
  covered: readonly CertificatePath[],
): ReachedLevel {
  if (timestamp === undefined) {
    return wanted === 'b-b'
      ? { level: wanted }
      : { level: 'b-b', shortfall: new TIMESTAMP_UNAVAILABLE().code }
  }
  const isCovered = [signerCertificate.path, timestamp.path].every((path) => covered.includes(path))
  return wanted === 'b-t' || isCovered
    ? { level: wanted }
    : { level: 'b-t', shortfall: new REVOCATION_UNAVAILABLE().code }
}
