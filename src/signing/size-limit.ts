/** Keeps containers, and what goes into them, within the room that the document has. */
import type { SignedDataRequest } from '../cms/container-template.ts'
import { CONTAINER_TOO_LARGE } from '../errors.ts'
import type { RevocationEvidence } from '../revocation/revocation-information.ts'
import type { SigningContext } from './level.ts'

type SizeContext = Pick<SigningContext, 'signer'>

/**
 * Refuses CRLs that alone exceed the limit, since encoding tens of megabytes would keep all other requests waiting.
 *
 * @throws CONTAINER_TOO_LARGE
 */
export function checkCrls({ values }: Pick<RevocationEvidence, 'values'>, { signer }: SizeContext): void {
  const { sizeLimit } = signer.container
  const bytes = values?.crls.reduce((sum, { length }) => sum + length, 0) ?? 0
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
 * @throws CONTAINER_TOO_LARGE
 */
export function checkSize({ length }: Buffer, { signer }: SizeContext): void {
  const { sizeLimit } = signer.container
  if (length > sizeLimit) {
    throw new CONTAINER_TOO_LARGE(String(length), String(sizeLimit))
  }
}
