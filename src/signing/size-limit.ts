/** Keeps containers, and what goes into them, within the room that the document has. */
import type { X509Certificate } from 'node:crypto'
import type { SignedDataRequest } from '../cms/container-template.ts'
import { countBytes } from '../common/count-bytes.ts'
import { CONTAINER_TOO_LARGE } from '../errors.ts'
import {
  type CertificatePath,
  gatherEvidence,
  isGood,
  type PreferredEvidence,
  type RevocationEvidence,
  valuesOf,
} from '../revocation/revocation-information.ts'
import { describeSubject } from '../x509/validity.ts'
import type { SigningContext } from './level.ts'

type SizeContext = Pick<SigningContext, 'signer'>

/** A timestamp takes this at least in a container, in bytes. */
const TIMESTAMP_BYTES = 3_000

/** The attributes that hold a timestamp and revocation data take this beside them, in bytes. */
const ATTRIBUTE_BYTES = 128

/**
 * Returns the room that a container has for revocation data beside a timestamp as large as the largest so far, in bytes.
 *
 * @param length bytes of the container without either
 */
export function roomBeside(length: number, { signer: { container, sources } }: SizeContext): number {
  const timestamp = Math.max(TIMESTAMP_BYTES, sources.timestamper?.largestToken ?? 0)
  return container.sizeLimit - length - timestamp - ATTRIBUTE_BYTES
}

/**
 * Gathers revocation data that have room together. A path whose data have none beside those of the paths before it counts as one about
 * which something is missing. Small data are taken where there is room for those of more of the needed paths and the first spare one then.
 *
 * @param needed paths whose data stay whatever their size, unless the level may be lower
 * @param room bytes
 */
export function gatherFitting(
  needed: readonly CertificatePath[],
  spare: readonly CertificatePath[],
  room: number,
  context: SizeContext,
): RevocationEvidence {
  const proven = gather('proven', needed, spare, room, context)
  const small = proven.beyond === 0 ? proven : gather('small', needed, spare, room, context)
  return small.beyond < proven.beyond ? small.evidence : proven.evidence
}

/** @returns the data, and the number of needed paths, and the first spare one among them, for whose data there is no room */
function gather(
  preferred: PreferredEvidence,
  needed: readonly CertificatePath[],
  spare: readonly CertificatePath[],
  room: number,
  { signer: { container, sources } }: SizeContext,
): { readonly evidence: RevocationEvidence; readonly beyond: number } {
  const fixed = container.revocationFallback === 'refuse' ? needed : []
  const counted = [...needed, ...spare.slice(0, 1)]
  const kept: Buffer[] = []
  let beyond = 0
  // Paths are looked up in this order
  const evidence = gatherEvidence([...needed, ...spare], {
    information: (path, at) => {
      const information = sources.revocations.information(path, at, preferred)
      if (!isGood(information)) {
        return information
      }
      const added = valuesOf(information).filter((value) => !kept.some((other) => other.equals(value)))
      const bytes = countBytes(added)
      const fits = bytes === 0 || bytes + countBytes(kept) <= room
      beyond += !fits && counted.includes(path) ? 1 : 0
      if (!fits && !fixed.includes(path)) {
        const problems = [describeTooLarge(path, bytes)]
        return { ...information, complete: false, problems, publicProblems: problems }
      }
      kept.push(...added)
      return information
    },
  })
  return { evidence, beyond }
}

function describeTooLarge(path: CertificatePath, bytes: number): string {
  const subject = describeSubject(path[0] as X509Certificate)
  return `${subject}: its CRLs and OCSP responses have ${bytes} bytes, for which CONTAINER_SIZE_LIMIT leaves no room`
}

/**
 * Refuses CRLs that alone exceed the limit, since encoding tens of megabytes would keep all other requests waiting.
 *
 * @throws CONTAINER_TOO_LARGE
 */
export function checkCrls({ values }: Pick<RevocationEvidence, 'values'>, { signer }: SizeContext): void {
  const { sizeLimit } = signer.container
  const bytes = countBytes(values?.crls ?? [])
  if (bytes > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(`at least ${bytes}`, String(sizeLimit))
  }
}

/**
 * Selects the revocation data to embed.
 *
 * @throws CONTAINER_TOO_LARGE
 */
export function selectRevocationValues(
  evidence: RevocationEvidence | undefined,
  context: SizeContext,
): Pick<SignedDataRequest, 'revocationValues'> {
  if (evidence?.values === undefined) {
    return {}
  }
  checkCrls(evidence, context)
  return { revocationValues: evidence.values }
}

/**
 * Refuses containers that exceed the signer's limit.
 *
 * @param length bytes
 * @throws CONTAINER_TOO_LARGE
 */
export function checkSize(length: number, { signer }: SizeContext): void {
  const { sizeLimit } = signer.container
  if (length > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(String(length), String(sizeLimit))
  }
}
