import { describeValue } from '../common/quote.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { VARIABLES } from './variable-schema.ts'

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
