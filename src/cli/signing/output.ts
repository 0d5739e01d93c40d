import { existsSync, writeFileSync } from 'node:fs'
import { CommandFailed } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** Before anything is signed for a file that will not be written. */
export function refuseExisting(file: string | undefined): void {
  if (file !== undefined && existsSync(file)) {
    throw new CommandFailed(`${file} is there already; nothing was signed`)
  }
}

export interface OutputOptions {
  /** A new file. */
  readonly out?: string
  readonly json?: boolean
}

/**
 * Writes what was made to its file, or to stdout where there is none.
 *
 * @param told what `--json` prints in place of it, or beside the file
 */
export function writeResult(
  io: Io,
  { out, json = false }: OutputOptions,
  content: string | Uint8Array,
  told: object,
): void {
  if (out !== undefined) {
    writeNew(out, content)
  } else if (!json) {
    io.output.write(content)
  }
  if (json) {
    io.output.write(`${JSON.stringify(told, null, 2)}\n`)
  }
}

function writeNew(file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content, { flag: 'wx' })
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${(error as Error).message}`)
  }
}
