import type { X509Certificate } from 'node:crypto'
import { findInvalidity, validityPeriod } from '../validity.ts'
import { reviewSigner } from './certificate-review.ts'

/**
 * Sorts certificates of one key, of which a token may hold several, by how well they serve a signer: first those that the review
 * accepts, then those whose path is valid now, then those whose chain leads to a root other than themselves, then the newest by
 * notBefore. All replicas agree.
 *
 * @param caCertificates issuers, in any order
 */
export function bestFirst(
  candidates: readonly X509Certificate[],
  caCertificates: readonly X509Certificate[],
): X509Certificate[] {
  const at = new Date()
  const ranked = candidates.map((leaf) => {
    const { chain, problems } = reviewSigner({ leaf, following: [], caCertificates })
    const invalidity = findInvalidity([leaf, ...chain.issuers].map(validityPeriod), at)
    const merits = [
      problems.length === 0,
      invalidity === undefined,
      chain.complete && chain.issuers.length > 0,
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
