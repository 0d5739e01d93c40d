import { existsSync, writeFileSync } from 'node:fs'
import { CommandFailed } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** Refuses an existing file, before anything is signed that could not be written. */
export function refuseExisting(file: string | undefined): void {
  if (file !== undefined && existsSync(file)) {
    throw new CommandFailed(`${file} is there already; nothing was signed`)
  }
}

export interface OutputOptions {
  /** Path of a new file. */
  readonly out?: string
  readonly json?: boolean
}

/**
 * Writes a result to its file, or to stdout if none is given.
 *
 * @param summary object that `--json` prints in place of the result, or beside its file
 */
export function writeResult(
  io: Io,
  { out, json = false }: OutputOptions,
  content: string | Uint8Array,
  summary: object,
): void {
  if (out !== undefined) {
    writeNew(out, content)
  } else if (!json) {
    io.output.write(content)
  }
  if (json) {
    io.output.write(`${JSON.stringify(summary, null, 2)}\n`)
  }
}

function writeNew(file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content, { flag: 'wx' })
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${(error as Error).message}`)
  }
}
