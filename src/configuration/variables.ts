/** The environment's names: which of its variables are set, and which of them are spelled wrong. */
import { findNearest } from '../common/edit-distance.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { VARIABLES } from './variable-schema.ts'

/** An environment: `process.env`, or what a test puts in its place. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Those that are set to something, by name. */
export type GivenVariables = Readonly<Record<string, string>>

const OURS = /^(HSM|SIGNING|SIGNERS?|SHUTDOWN|TSA|REVOCATION)_/
/** What Kubernetes puts into every pod beside a Service, named after it; so does `NAME_PORT=tcp://10.0.0.1:6000`. */
const OF_KUBERNETES =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const ADDRESS_OF_KUBERNETES = /^(tcp|udp|sctp):\/\//
/**
 * With more than one letter in so many wrong, or more than two, a name that does not begin like ours is somebody
 * else's: short ones, as LABEL and SSO_URL, are soon near to LEVEL and TSA_URL.
 */
const LETTERS_PER_TYPING_ERROR = 6
const MAX_TYPING_ERRORS = 2

/** Variables of which the name in lower case counts before that in upper case, as curl and others have it. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const

/** Drops what is not set: compose files and shells pass unset variables on as empty ones. */
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

/** Finds the names that look like ours and are none; what is told of them quotes no value. */
export function findUnknown(given: GivenVariables): ConfigurationProblem[] {
  return Object.entries(given)
    .filter(([name, value]) => !VARIABLES.has(name) && !isOfKubernetes(name, value))
    .map(([name]) => ({ name, similar: findSimilar(name) }))
    .filter(({ name, similar }) => OURS.test(name) || similar !== undefined)
    .map(({ name, similar }) => {
      const hint = similar === undefined ? 'check its spelling' : `${similar} is`
      return { variable: name, message: `is not a variable that this service knows; ${hint}` }
    })
}

function isOfKubernetes(name: string, value: string): boolean {
  return OF_KUBERNETES.test(name) || ADDRESS_OF_KUBERNETES.test(value)
}

/** The known name that was probably meant. */
function findSimilar(name: string): string | undefined {
  const limit = OURS.test(name)
    ? name.length * 0.3
    : Math.min(Math.floor(name.length / LETTERS_PER_TYPING_ERROR), MAX_TYPING_ERRORS)
  return findNearest(name, [...VARIABLES.keys()], limit)
}
