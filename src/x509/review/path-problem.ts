import type { X509Certificate } from 'node:crypto'
import { findIssuerProblems } from './issuer-problems.ts'
import { findRefusals } from './refusals.ts'

/**
 * Returns the first reason not to rely on what the owner of a path has signed. The review of a signer only warns of
 * critical extensions and names, since validators decide about those of its path.
 *
 * @param path leaf first; the purpose, key and hash of the leaf itself are reviewed by its role
 */
export function findPathProblem(path: readonly X509Certificate[]): string | undefined {
  const issuers = path.slice(1).flatMap((_, index) => findIssuerProblems(path, index + 1))
  return [...issuers, ...findRefusals(path)][0]
}
