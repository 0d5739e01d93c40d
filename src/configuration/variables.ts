/** Finds the variables of the environment that are set, checks them with their schema, and finds misspelled names. */
import { Check } from 'typebox/schema'
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import { findNearest } from '../common/edit-distance.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { problemWith, VARIABLES } from './problem.ts'

/** An environment, such as `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Variables that are set to a value that is not empty, keyed by name. */
export type GivenVariables = Readonly<Record<string, string>>

const OUR_PREFIX = /^(HSM|SIGNING|SIGNERS?|SHUTDOWN|TSA|REVOCATION|ACCESS|RATE_LIMIT|ADMIN|TLS|AUDIT)_/
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

/** Variables that Kubernetes sets itself where a Service has the name `signing-service` or `admin`. */
const PORTS: readonly string[] = ['SIGNING_SERVICE_PORT', 'ADMIN_PORT']

/** Drops empty variables, as which compose files and shells pass on unset ones. */
export function dropUnset(environment: Variables, warnings: string[]): GivenVariables {
  let given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (PORTS.includes(name) && value?.startsWith('tcp://')) {
      warnings.push(`${name}: ignored, since it is the address of a Kubernetes Service`)
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

/** Variables whose wrong values may hold a secret: a password after the user and a colon, or a PIN in the wrong place. */
const SECRET: ReadonlySet<string> = new Set(['HSM_PIN_SECRET_ID', 'TSA_USER'])

/**
 * Checks the variables against their schema, and fills in the defaults. Wrong values become problems and are left out,
 * so that the others can still be checked.
 *
 * @returns an {@link Environment}, complete if no problem was found
 */
export function validate(given: GivenVariables, problems: ConfigurationProblem[]): Partial<Environment> {
  const values: Record<string, unknown> = {}
  for (const [name, schema] of VARIABLES) {
    const text = given[name]
    values[name] = schema.default
    if (text !== undefined) {
      // Number would take 0x10 for 16
      const value = schema.type === 'integer' && /^\d+$/.test(text) ? Number(text) : text
      if (Check(schema, value)) {
        values[name] = value
      } else {
        problems.push(problemWith(name, 'is not valid', SECRET.has(name) ? undefined : text))
      }
    }
  }
  return defined(values)
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
