import type { X509Certificate } from 'node:crypto'
import { describeIssuerProblems } from './issuer-problems.ts'
import { describeRefusals } from './refusals.ts'

/**
 * Returns the first reason not to rely on a path, whoever's it is: the review of a signer warns of some of them, as
 * others decide there, but what others have signed is not taken.
 *
 * @param path leaf first; of the leaf itself, its critical extensions and names are reviewed
 */
export function findPathProblem(path: readonly X509Certificate[]): string | undefined {
  const issuers = path.slice(1).flatMap((_, index) => describeIssuerProblems(path, index + 1))
  return [...issuers, ...describeRefusals(path)][0]
}
