/** In a file of its own, since the signer process needs nothing else of what reads a configuration. */
import { readFileSync } from 'node:fs'
import type { PinSource } from './pin.ts'

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
