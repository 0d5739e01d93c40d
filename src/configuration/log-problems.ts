import type { BaseLogger } from 'pino'
import type { ConfigurationProblem } from '../errors.ts'

/**
 * Logs one line for each problem, with the variable that is wrong, and the token if it is about one.
 *
 * @param beginning text before each message
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
