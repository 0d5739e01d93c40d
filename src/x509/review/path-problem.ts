import type { X509Certificate } from 'node:crypto'
import { describeIssuerProblems } from './issuer-problems.ts'
import { describeRefusals } from './refusals.ts'

/**
 * Returns the first reason not to rely on what the owner of a path has signed. The review of a signer only warns of
 * critical extensions and names, since validators decide about those of its path.
 *
 * @param path leaf first; the purpose, key and hash of the leaf itself are reviewed by its role
 */
export function findPathProblem(path: readonly X509Certificate[]): string | undefined {
  const issuers = path.slice(1).flatMap((_, index) => describeIssuerProblems(path, index + 1))
  return [...issuers, ...describeRefusals(path)][0]
}
