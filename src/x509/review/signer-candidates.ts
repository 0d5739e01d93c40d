import type { X509Certificate } from 'node:crypto'
import { isSelfSigned } from '../chain.ts'
import { findInvalidity, findValidityProblem, validityPeriod } from '../validity.ts'
import { reviewSigner } from './certificate-review.ts'
import { readForReview } from './reviewed-certificate.ts'
import { isForOthers } from './warnings.ts'

/**
 * Sorts certificates of one key, of which a token may hold several, by how well they serve a signer: first those that the review
 * accepts, then those whose path is valid now and for long enough, then those with issuers, a root among them rather than not, then
 * those that are not self-signed, then those that are not for other purposes than documents alone, such as TLS servers, then the
 * newest by notBefore. All replicas agree.
 *
 * @param caCertificates issuers, in any order
 * @param minimumDaysLeft days that the path has to be valid from now on
 */
export function bestFirst(
  candidates: readonly X509Certificate[],
  caCertificates: readonly X509Certificate[],
  minimumDaysLeft = 0,
): X509Certificate[] {
  if (candidates.length < 2) {
    return [...candidates]
  }
  const at = new Date()
  const ranked = candidates.map((leaf) => {
    const { chain, problems } = reviewSigner({ leaf, following: [], caCertificates })
    const periods = [leaf, ...chain.issuers].map(validityPeriod)
    const reviewed = readForReview(leaf)
    const hasIssuers = chain.issuers.length > 0
    const merits = [
      problems.length === 0,
      findInvalidity(periods, at) === undefined,
      findValidityProblem(periods, at, minimumDaysLeft) === undefined,
      hasIssuers && chain.complete,
      hasIssuers,
      !isSelfSigned(leaf),
      reviewed !== undefined && !isForOthers(reviewed),
    ]
    const { notBefore } = validityPeriod(leaf)
    return { leaf, order: [...merits.map(Number), notBefore.getTime()] }
  })
  return ranked
    .toSorted((a, b) => compare(b.order, a.order) || Buffer.compare(a.leaf.raw, b.leaf.raw))
    .map(({ leaf }) => leaf)
}

/** Compares two lists of as many numbers by the first in which they differ; 0 where there is none. */
function compare(one: readonly number[], other: readonly number[]): number {
  return (
    one.map((number, place) => number - (other[place] as number)).find((difference) => difference !== 0) ?? 0
  )
}
