import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory for what a suite makes, that goes with this process, which a signal ends with its listeners. */
export function createRunDirectory(prefix: string): string {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
