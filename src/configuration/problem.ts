/** Puts problems of the configuration into words, and logs them. */
import type { BaseLogger } from 'pino'
import { Environment } from '../../schemas/configuration.ts'
import { describeValue } from '../common/quote.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** Collects what is found while the settings of signers are read. */
export interface Findings {
  readonly problems: ConfigurationProblem[]
  readonly warnings: string[]
  /** The status of all files whose changes count before they were read, keyed by absolute path. */
  readonly files: Map<string, string>
  /** Timestamp authorities, keyed by their settings, so that those of variables are read once for all signers. */
  readonly authorities: Map<object, readonly TimestampAuthority[]>
  /** True if another user works on the tokens, who reads the library and the PIN. */
  readonly apart: boolean
}

/** Schema of a variable, or of a property of the signers file. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly enum?: readonly string[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Schemas of all variables, keyed by name. */
export const VARIABLES: ReadonlyMap<string, Schema> = new Map(Object.entries(Environment.properties))

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
  const example = `for example ${setting}=${schema.examples}`
  return { variable: setting, message: `${described}: ${[...describeValues(schema), example].join(', ')}` }
}

/** Describes the values that a schema allows. */
export function describeValues({ type, description = '', minimum, maximum, enum: values }: Schema): string[] {
  const range = type === 'integer' ? [`an integer from ${minimum} to ${maximum}`] : []
  const choice = values === undefined ? [] : [`one of ${values.join(', ')}`]
  return [description, ...range, ...choice]
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
