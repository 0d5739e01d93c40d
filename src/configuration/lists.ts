/** Reads variables that hold several values, separated by commas. */

import { findHashAlgorithm, HASH_ALGORITHMS, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'

/** Returns the algorithms of some names, each once, whatever the spelling. Unknown names become problems. */
export function findHashAlgorithms(
  setting: string,
  names: readonly string[],
  problems: ConfigurationProblem[],
): HashAlgorithm[] {
  const algorithms = new Set<HashAlgorithm>()
  for (const name of names) {
    const algorithm = findHashAlgorithm(name)
    if (algorithm === undefined) {
      const known = HASH_ALGORITHMS.map((one) => one.name).join(', ')
      problems.push(problemWith(setting, `is none of ${known}`, name))
    } else {
      algorithms.add(algorithm)
    }
  }
  return [...algorithms]
}

/** Reads CORS_ORIGINS. Origins must be written as in the Origin header (RFC 6454 6.2), with which they are compared. */
export function parseOrigins(list: string, problems: ConfigurationProblem[]): string[] {
  const origins = splitVariable('CORS_ORIGINS', list, problems)
  for (const origin of origins) {
    if (!isOrigin(origin)) {
      // "*" is refused too, since any page in any browser that reaches the service could have documents signed
      problems.push(problemWith('CORS_ORIGINS', 'is no origin', origin))
    }
  }
  return origins
}

/** Returns whether a text is an origin as browsers write it: in lower case, without path and default port. */
export function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** Values of signMethod in the vendor's example. This service signs with the HSM for all of them. */
const SIGN_METHODS: readonly string[] = ['privatekey', 'hsm', 'globaltrust', 'globalsign']

/** Parses SIGN_METHODS into values in lower case, each once. */
export function parseSignMethods(list: string, problems: ConfigurationProblem[]): string[] {
  const methods = splitVariable('SIGN_METHODS', list, problems)
  const unknown = methods.filter((method) => !SIGN_METHODS.includes(method.toLowerCase()))
  for (const method of unknown) {
    problems.push(problemWith('SIGN_METHODS', `is none of ${SIGN_METHODS.join(', ')}`, method))
  }
  return [...new Set(methods.map((method) => method.toLowerCase()))]
}

/** Splits the value of a variable that must name something. */
export function splitVariable(name: string, list: string, problems: ConfigurationProblem[]): string[] {
  const items = splitList(list)
  if (items.length === 0) {
    problems.push(problemWith(name, 'names none', list))
  }
  return items
}

/** Splits a list at its commas, and drops empty items. */
export function splitList(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
