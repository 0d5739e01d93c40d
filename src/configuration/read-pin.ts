/** Reads the PIN. Unless HSM_USER is set, the signer process loads nothing else that reads a configuration. */
import { readRegularFile } from '../common/read-file.ts'
import { parsePin } from './parse-pin.ts'
import type { LocalPinSource } from './signer-configuration.ts'

/**
 * Reads the PIN in the process that works on the token. A file is read each time, so that a changed one counts; the PIN
 * of a variable comes by IPC, since other programs can read the environment of a process.
 *
 * @param given PIN that came by IPC, if no file holds it
 * @throws Error if the file is missing, is none, or is not clearly one PIN; the message holds nothing of it
 */
export async function readPin(source: LocalPinSource, given = ''): Promise<string> {
  return parsePin('file' in source ? await readRegularFile(source.file) : given)
}

/** Says why a file cannot be read, in words that follow its path. */
export function describeUnreadable({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') {
    return 'does not exist'
  }
  const why =
    code === 'EACCES' ? `: user ${process.geteuid?.()} may not read it, or not enter a folder above it` : ''
  return `cannot be read (${code}${why})`
}
