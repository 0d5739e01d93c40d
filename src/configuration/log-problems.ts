import type { BaseLogger } from 'pino'
import type { ConfigurationProblem } from '../errors.ts'

/**
 * Logs one line a problem: which variable is wrong, and the token where it is about one.
 *
 * @param beginning of each message
 */
export function logProblems(
  log: BaseLogger,
  level: 'warn' | 'error' | 'fatal',
  problems: readonly ConfigurationProblem[],
  beginning = '',
): void {
  for (const { variable, message, token } of problems) {
    log[level]({ variable, ...token }, `${beginning}${variable}: ${message}`)
  }
}
