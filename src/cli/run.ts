import { CommanderError } from 'commander'
import { escapeInvisible } from '../common/quote.ts'
import { VARIABLE_SETTINGS } from '../configuration/read-signer.ts'
import { ConfigurationError, EXIT_CONFIGURATION } from '../errors.ts'
import { AdministrationError } from '../pkcs11/administration/administer.ts'
import { EXIT_CODES, formatLine, isForMonitoring, VerdictTold } from './check/verdict.ts'
import { CommandFailed, EXIT_FAILED, EXIT_OK, EXIT_USAGE, type Io } from './io.ts'
import { buildProgram } from './program.ts'

/**
 * Runs one command.
 *
 * @param args arguments after the name of the program
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' })
    return EXIT_OK
  } catch (error) {
    const { message, exitCode } = describe(error)
    if (isForMonitoring(args) && exitCode !== EXIT_OK && !(error instanceof VerdictTold)) {
      // Monitoring systems read stdout alone, and take other exit codes for verdicts
      io.output.write(`${formatLine('UNKNOWN', message || (error as Error).message)}\n`)
      return EXIT_CODES.UNKNOWN
    }
    if (message !== '') {
      // It may quote what others sent, or a token holds: none of it may steer the terminal
      io.errors.write(`${message.split('\n').map(escapeInvisible).join('\n')}\n`)
    }
    return exitCode
  }
}

function describe(error: unknown): { message: string; exitCode: number } {
  if (error instanceof CommanderError) {
    // commander has printed its message already; it also throws after printing help
    return { message: '', exitCode: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE }
  }
  if (error instanceof ConfigurationError) {
    const lines = error.problems.map(({ variable, message }) => `${variable}: ${message}`)
    return { message: lines.join('\n'), exitCode: EXIT_CONFIGURATION }
  }
  if (error instanceof AdministrationError) {
    const { about, message } = error.failure
    return about === undefined
      ? { message, exitCode: EXIT_FAILED }
      : { message: `${VARIABLE_SETTINGS[about]}: ${message}`, exitCode: EXIT_CONFIGURATION }
  }
  if (error instanceof CommandFailed) {
    return error
  }
  throw error
}
