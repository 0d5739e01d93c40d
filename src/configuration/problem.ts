import type { Environment } from '../../schemas/configuration.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { VARIABLES, type VariableSchema } from './variable-schema.ts'

/**
 * A problem in the words of the variable's schema, such as
 * `HSM_SESSIONS: is not valid: sessions in the pool, an integer from 1 to 1024, for example HSM_SESSIONS=8`.
 *
 * @param wrong what is wrong; no secret
 */
export function problemWith(variable: keyof Environment, wrong: string): ConfigurationProblem {
  const schema = VARIABLES.get(variable) as VariableSchema
  const range = schema.type === 'integer' ? [`an integer from ${schema.minimum} to ${schema.maximum}`] : []
  const choice = schema.enum === undefined ? [] : [`one of ${schema.enum.join(', ')}`]
  const expected = [schema.description, ...range, ...choice].join(', ')
  return { variable, message: `${wrong}: ${expected}, for example ${variable}=${schema.examples}` }
}
