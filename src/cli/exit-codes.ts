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
