/** Defines input, output and exit codes of a command. */
import { accessSync, closeSync, constants, existsSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Variables } from '../configuration/variables.ts'

/** Input and output of a command. */
export interface Io {
  readonly environment: Variables
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  /** Takes results, and nothing else. */
  readonly output: NodeJS.WritableStream
  /** Takes messages for people. */
  readonly errors: NodeJS.WritableStream
}

/** Exit codes of the command, beside EXIT_CONFIGURATION of errors.ts. */
export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/** Ends a command that failed. The message is empty if the command has printed all there is to say. */
export class CommandFailed extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message)
    this.name = 'CommandFailed'
    this.exitCode = exitCode
  }
}

/** Prints a result as text for people, or as JSON with `--json`. */
export function printResult(io: Io, { json = false }: OutputOptions, result: unknown, text: string): void {
  io.output.write(json ? `${JSON.stringify(result, null, 2)}\n` : text)
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
  options: OutputOptions,
  content: string | Uint8Array,
  summary: object,
): void {
  const { out, json = false } = options
  if (out !== undefined) {
    writeNewFile(out, content)
  } else if (!json) {
    io.output.write(content)
  }
  if (json) {
    printResult(io, options, summary, '')
  }
}

/**
 * Writes a file that must not exist. None is left of which only a part could be written, as on a full disk: it would pass for
 * the result.
 *
 * @param before beginning of the message of an error
 */
export function writeNewFile(file: string, content: string | Uint8Array, before = ''): void {
  useFile(
    file,
    'written',
    () => {
      const handle = openSync(file, 'wx')
      try {
        writeFileSync(handle, content)
      } catch (error) {
        rmSync(file, { force: true })
        throw error
      } finally {
        closeSync(handle)
      }
    },
    before,
  )
}

/** Refuses a file that exists, or that its folder cannot take, before anything is done whose result could not be written. */
export function checkNewFile(file: string | undefined, undone = 'nothing was signed'): void {
  if (file === undefined) {
    return
  }
  if (existsSync(file)) {
    throw new CommandFailed(`${file} is there already; ${undone}`)
  }
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new CommandFailed(`${file} cannot be written: ${(error as Error).message}; ${undone}`)
  }
}

/**
 * Reads or writes a file. An error becomes a message that names the file.
 *
 * @param participle what cannot be done with the file, for the message
 * @param before beginning of the message
 */
export function useFile<T>(file: string, participle: 'used' | 'written', act: () => T, before = ''): T {
  try {
    return act()
  } catch (error) {
    throw new CommandFailed(`${before}${file} cannot be ${participle}: ${(error as Error).message}`)
  }
}
