import type { X509Certificate } from 'node:crypto'
import { findIssuerProblems } from './issuer-problems.ts'
import { findRefusals } from './refusals.ts'

/**
 * Finds the first reason not to rely on signatures of a path's leaf. It refuses critical extensions and names too,
 * which the review of a signer leaves to validators.
 *
 * @param path leaf first; the purpose, key and hash of the leaf itself are reviewed elsewhere
 */
export function findPathProblem(path: readonly X509Certificate[]): string | undefined {
  const issuers = path.slice(1).flatMap((_, index) => findIssuerProblems(path, index + 1))
  return [...issuers, ...findRefusals(path)][0]
}
