import { envSchema } from 'env-schema'
import Type from 'typebox'
import { Environment } from '../../schemas/configuration.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'
import { VARIABLES } from './variable-schema.ts'
import type { GivenVariables } from './variables.ts'

/**
 * Checks the variables against their schema, and fills in the defaults. Wrong values become problems and are left out,
 * so that the others can still be checked.
 *
 * @returns an {@link Environment}, complete if no problem was found
 */
export function validate(given: GivenVariables, problems: ConfigurationProblem[]): Partial<Environment> {
  const names = new Set([...findInvalid(given), ...findNotDecimal(given)])
  for (const name of names) {
    problems.push(problemWith(name, 'is not valid', SECRET.has(name) ? undefined : given[name]))
  }
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !names.has(name)))
  return parse<Partial<Environment>>(PARTS, rest)
}

function findInvalid(given: GivenVariables): string[] {
  try {
    parse(WHOLE, given)
    return []
  } catch (error) {
    const { errors } = error as SchemaError
    return errors.map(({ instancePath }) => instancePath.slice(1))
  }
}

/** Finds integers that are not decimal, since the schema accepts 0x10 as 16, and Infinity within every limit. */
function findNotDecimal(given: GivenVariables): string[] {
  return Object.entries(given)
    .filter(([name, value]) => VARIABLES.get(name)?.type === 'integer' && !/^\d+$/.test(value))
    .map(([name]) => name)
}

/** Variables whose wrong values may hold a secret: a password may follow the user after a colon. */
const SECRET: ReadonlySet<string> = new Set(['TSA_USER'])

interface SchemaError {
  readonly errors: readonly { readonly instancePath: string }[]
}

/** These schemas are copies, since env-schema writes into its arguments. It compiles each once. */
const WHOLE = structuredClone(Environment)
const PARTS = structuredClone(Type.Partial(Environment))

function parse<T>(schema: object, data: object): T {
  return envSchema<T>({ schema, data: { ...data }, env: false })
}
