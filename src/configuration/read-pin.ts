/** In a file of its own, since the signer process needs nothing else of what reads a configuration. */
import { readFileSync } from 'node:fs'
import { readSecret } from '../common/secret.ts'
import type { PinSource } from './signer-configuration.ts'

/**
 * Reads the PIN, in the process that works on the token. A file is read anew each time, so that a changed one counts; the
 * PIN of a variable comes by IPC, since other programs can read the environment of a process.
 *
 * @param given what came by IPC; only where no file holds the PIN
 * @throws Error when it is not there any more, or not clearly one PIN; the message holds nothing of it
 */
export function readPin(source: PinSource, given = ''): string {
  return readSecret('file' in source ? readFileSync(source.file) : given)
}

/** Says why a file cannot be read, to follow its path. */
export function describeUnreadable({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') {
    return 'does not exist'
  }
  const why =
    code === 'EACCES' ? `: user ${process.geteuid?.()} may not read it, or not enter a folder above it` : ''
  return `cannot be read (${code}${why})`
}
