/** Puts problems of the configuration into words, and logs them. */
import type { BaseLogger } from 'pino'
import { Environment } from '../../schemas/configuration.ts'
import { describeValue } from '../common/quote.ts'
import type { ConfigurationProblem } from '../errors.ts'

/** Schema of one variable. */
interface VariableSchema {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly examples?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
}

/** Schemas of all variables, keyed by name. */
export const VARIABLES: ReadonlyMap<string, VariableSchema> = new Map(Object.entries(Environment.properties))

/** Returns whether a setting is a variable, and not a place in the signers file. */
export function isVariable(setting: string): boolean {
  return VARIABLES.has(setting)
}

/**
 * Describes a problem in the words of the variable's schema, such as
 * `HSM_SESSIONS: 0 is not valid: sessions in the pool, an integer from 1 to 1024, for example HSM_SESSIONS=8`.
 *
 * @param setting a variable, or a place in the signers file, whose schema is not quoted
 * @param wrong what is wrong, without secrets
 * @param value the value as it was given; undefined if it must not be shown
 */
export function problemWith(setting: string, wrong: string, value?: string): ConfigurationProblem {
  const described = describeValue(value, wrong)
  const schema = VARIABLES.get(setting)
  if (schema === undefined) {
    return { variable: setting, message: described }
  }
  const range = schema.type === 'integer' ? [`an integer from ${schema.minimum} to ${schema.maximum}`] : []
  const choice = schema.enum === undefined ? [] : [`one of ${schema.enum.join(', ')}`]
  const expected = [schema.description, ...range, ...choice].join(', ')
  return {
    variable: setting,
    message: `${described}: ${expected}, for example ${setting}=${schema.examples}`,
  }
}

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
