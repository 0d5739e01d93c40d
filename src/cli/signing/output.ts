import { existsSync, writeFileSync } from 'node:fs'
import { CommandFailed } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** Before anything is signed for a file that will not be written. */
export function refuseExisting(file: string | undefined): void {
  if (file !== undefined && existsSync(file)) {
    throw new CommandFailed(`${file} is there already; nothing was signed`)
  }
}

/** @param file a new one; undefined writes to stdout */
export function writeResult(io: Io, file: string | undefined, content: string | Uint8Array): void {
  if (file === undefined) {
    io.output.write(content)
    return
  }
  try {
    writeFileSync(file, content, { flag: 'wx' })
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${(error as Error).message}`)
  }
}
