import { envSchema } from 'env-schema'
import Type from 'typebox'
import { Environment } from '../../schemas/configuration.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith } from './problem.ts'
import { VARIABLES } from './variable-schema.ts'
import type { GivenVariables } from './variables.ts'

/**
 * Checks the variables against their schema and fills in the defaults. What is wrong becomes a problem and is left
 * out, so that the rest can still be looked at.
 *
 * @returns an {@link Environment}, whole where no problem was found
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

/** The schema's check takes 0x10 for 16, and Infinity for an integer that is within every limit. */
function findNotDecimal(given: GivenVariables): string[] {
  return Object.entries(given)
    .filter(([name, value]) => VARIABLES.get(name)?.type === 'integer' && !/^\d+$/.test(value))
    .map(([name]) => name)
}

/** Variables whose wrong values may hold a secret: the password may follow the user, after a colon. */
const SECRET: ReadonlySet<string> = new Set(['TSA_USER'])

interface SchemaError {
  readonly errors: readonly { readonly instancePath: string }[]
}

/** env-schema writes into both of its arguments, and compiles each schema once, which it then keeps. */
const WHOLE = structuredClone(Environment)
const PARTS = structuredClone(Type.Partial(Environment))

function parse<T>(schema: object, data: object): T {
  return envSchema<T>({ schema, data: { ...data }, env: false })
}
