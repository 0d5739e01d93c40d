/** Finds the variables of the environment that are set, checks them with their schema, and finds misspelled names. */
import { envSchema } from 'env-schema'
import Type from 'typebox'
import { Environment } from '../../schemas/configuration.ts'
import { findNearest } from '../common/edit-distance.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith, VARIABLES } from './problem.ts'

/** An environment, such as `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Variables that are set to a value that is not empty, keyed by name. */
export type GivenVariables = Readonly<Record<string, string>>

const OUR_PREFIX = /^(HSM|SIGNING|SIGNERS?|SHUTDOWN|TSA|REVOCATION)_/
/** Matches variables that Kubernetes sets in every pod for a Service, beside `NAME_PORT=tcp://10.0.0.1:6000`. */
const KUBERNETES_NAME =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const KUBERNETES_ADDRESS = /^(tcp|udp|sctp):\/\//
/**
 * One letter in six may be wrong, and two at most, in a name that does not begin like ours: with more, LABEL and
 * SSO_URL would resemble LEVEL and TSA_URL.
 */
const LETTERS_PER_TYPING_ERROR = 6
const MAX_TYPING_ERRORS = 2

/** Variables whose names in lower case take precedence, as in curl and other programs. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const

/** Drops empty variables, as which compose files and shells pass on unset ones. */
export function dropUnset(environment: Variables, warnings: string[]): GivenVariables {
  let given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (name === 'SIGNING_SERVICE_PORT' && value?.startsWith('tcp://')) {
      warnings.push('SIGNING_SERVICE_PORT: ignored, since it is the address of a Kubernetes Service')
    } else if (value !== undefined && value !== '') {
      given[name] = value
    }
  }
  for (const name of PROXY_VARIABLES) {
    const { [name.toLowerCase()]: lower, ...rest } = given
    if (lower !== undefined) {
      given = { ...rest, [name]: lower }
    }
  }
  return given
}

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

/** Finds unknown names that resemble ours. The problems quote no values. */
export function findUnknown(given: GivenVariables): ConfigurationProblem[] {
  return Object.entries(given)
    .filter(([name, value]) => !VARIABLES.has(name) && !isOfKubernetes(name, value))
    .map(([name]) => ({ name, similar: findSimilar(name) }))
    .filter(({ name, similar }) => OUR_PREFIX.test(name) || similar !== undefined)
    .map(({ name, similar }) => {
      const hint = similar === undefined ? 'check its spelling' : `${similar} is`
      return { variable: name, message: `is not a variable that this service knows; ${hint}` }
    })
}

function isOfKubernetes(name: string, value: string): boolean {
  return KUBERNETES_NAME.test(name) || KUBERNETES_ADDRESS.test(value)
}

/** Returns the known name that was probably meant. */
function findSimilar(name: string): string | undefined {
  const limit = OUR_PREFIX.test(name)
    ? name.length * 0.3
    : Math.min(Math.floor(name.length / LETTERS_PER_TYPING_ERROR), MAX_TYPING_ERRORS)
  return findNearest(name, [...VARIABLES.keys()], limit)
}
