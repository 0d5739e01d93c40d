/** Finds the users that the processes of the service run as. The parent, which runs as root, loads nothing else of this room. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type ConfigurationProblem, refuseProblems } from '../errors.ts'
import type { Variables } from './variables.ts'

/** The ids of a user and a group. Processes that are started with them are in no other group. */
export interface UserIds {
  readonly uid: number
  readonly gid: number
}

export interface ProcessUsers {
  /** Runs the HTTP process. */
  readonly http: UserIds
  /** Runs the signer processes. */
  readonly hsm: UserIds
}

/** Returns whether the processes of the service are to have users of their own. */
export function hasUsers({ HSM_USER: hsm = '', SIGNING_SERVICE_USER: http = '' }: Variables): boolean {
  return hsm !== '' || http !== ''
}

/** Returns the folder in which the HTTP process records decisions; undefined if it writes no file. */
export function findAuditFolder({ AUDIT_FILE: file = '' }: Variables): string | undefined {
  return file === '' ? undefined : dirname(resolve(file))
}

/** @throws ConfigurationError with all problems */
export function readUsers(environment: Variables): ProcessUsers {
  const problems: ConfigurationProblem[] = []
  const hsm = readUser('HSM_USER', environment, problems)
  const http = readUser('SIGNING_SERVICE_USER', environment, problems)
  const refuse = (variable: string, message: string) => problems.push({ variable, message })
  if (hsm !== undefined && hsm.uid === http?.uid) {
    refuse(
      'SIGNING_SERVICE_USER',
      'is the user of HSM_USER, from whom it is to be kept apart: name another one',
    )
  }
  if (environment.HSM_PIN) {
    refuse('HSM_PIN', 'is read by the HTTP process, from which HSM_USER is to keep the PIN: set HSM_PIN_FILE')
  }
  if (process.geteuid?.() !== 0) {
    refuse('HSM_USER', 'takes a start as root, who alone can start processes as two other users')
  }
  refuseProblems(problems)
  return { http, hsm } as ProcessUsers
}

/** Reads `user`, or `user:group`, each a name or a number. Adds a problem, and returns undefined, if that is wrong. */
function readUser(
  variable: 'HSM_USER' | 'SIGNING_SERVICE_USER',
  environment: Variables,
  problems: ConfigurationProblem[],
): UserIds | undefined {
  const [user = '', group, ...rest] = (environment[variable] ?? '').split(':')
  const [, , uid = numberIn(user), primary] = findEntry('/etc/passwd', user) ?? []
  const gid = group === undefined ? primary : (findEntry('/etc/group', group)?.[2] ?? numberIn(group))
  const wrong = describeWrong(user, uid, gid, rest.length)
  if (wrong !== undefined) {
    problems.push({ variable, message: wrong })
    return undefined
  }
  return { uid: Number(uid), gid: Number(gid) }
}

function describeWrong(
  user: string,
  uid: string | undefined,
  gid: string | undefined,
  more: number,
): string | undefined {
  if (user === '') {
    return 'is required: HSM_USER runs the signer processes, and SIGNING_SERVICE_USER the HTTP process'
  }
  if (uid === undefined || gid === undefined || more > 0) {
    return 'is no user of /etc/passwd, or its group none of /etc/group: name a user, user:group, or numbers as in 1000:1000'
  }
  return Number(uid) === 0 ? 'is root, from whom nothing can be kept: name another user' : undefined
}

function numberIn(text: string): string | undefined {
  return /^\d{1,9}$/.test(text) ? text : undefined
}

/** Returns the fields of the line of a name, or of a number, in a file such as /etc/passwd. */
function findEntry(file: string, name: string): string[] | undefined {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name || fields[2] === name)
}
