/** In a file of its own, since the signer process needs nothing else of what reads a configuration. */
import { readFileSync } from 'node:fs'
import { readSecret } from '../common/secret.ts'
import type { PinSource } from './pin.ts'

/**
 * Reads the PIN, in the signer process, and takes it out of the environment there: the workers and children that this
 * process starts afterwards do not inherit it. /proc/PID/environ shows it all the same, as long as the process runs,
 * since that is the environment it was started with; so does that of the HTTP process, which keeps the variable for
 * the next signer process. A file is in neither, and is read anew by each process, so that a changed file counts.
 *
 * @throws Error when it is not there any more, or not clearly one PIN; the message holds nothing of it
 */
export function readPin(source: PinSource, environment: Record<string, string | undefined>): string {
  return readSecret('file' in source ? readFileSync(source.file) : takeVariable(environment, source.variable))
}

function takeVariable(environment: Record<string, string | undefined>, name: string): string {
  const value = environment[name] ?? ''
  delete environment[name]
  return value
}
