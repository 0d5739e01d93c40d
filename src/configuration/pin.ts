import { readFileSync } from 'node:fs'
import type { ConfigurationProblem } from '../errors.ts'
import { isReadable } from './files.ts'
import { problemWith } from './problem.ts'
import type { GivenVariables, Variables } from './variables.ts'

/** Where the PIN is found when a token is logged in to. */
export type PinSource = { readonly variable: string } | { readonly file: string }

/** Whether there is a PIN, if only one that is configured wrongly. */
export function isPinConfigured({ HSM_PIN: pin = '', HSM_PIN_FILE: file = '' }: Variables): boolean {
  return pin !== '' || file !== ''
}

/** Finds out where the PIN is; does not read it. */
export function findPin(given: GivenVariables, problems: ConfigurationProblem[]): PinSource | undefined {
  const { HSM_PIN: pin, HSM_PIN_FILE: file } = given
  if (pin !== undefined && file !== undefined) {
    problems.push(problemWith('HSM_PIN_FILE', 'is set beside HSM_PIN; set one of the two'))
    return undefined
  }
  if (file !== undefined) {
    return isReadable('HSM_PIN_FILE', file, problems) ? { file } : undefined
  }
  if (pin === undefined) {
    problems.push(problemWith('HSM_PIN_FILE', 'is required, or HSM_PIN'))
    return undefined
  }
  return { variable: 'HSM_PIN' }
}

/**
 * Reads the PIN, in the signer process, and takes it out of the environment there: the workers and children that this
 * process starts afterwards do not inherit it. /proc/PID/environ shows it all the same, as long as the process runs,
 * since that is the environment it was started with; so does that of the HTTP process, which keeps the variable for
 * the next signer process. A file is in neither, and is read anew by each process, so that a changed file counts.
 *
 * @throws Error when it is not there any more; the message holds nothing of it
 */
export function readPin(source: PinSource, environment: Record<string, string | undefined>): string {
  const pin = 'file' in source ? readPinFile(source.file) : takeVariable(environment, source.variable)
  if (pin === undefined || pin === '') {
    throw new Error('the PIN is empty')
  }
  return pin
}

/** Without the line end that editors and `echo` put behind it. */
function readPinFile(path: string): string {
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
}

function takeVariable(environment: Record<string, string | undefined>, name: string): string | undefined {
  const value = environment[name]
  delete environment[name]
  return value
}
