/** How the command ends; EXIT_CONFIGURATION of errors.ts is the fourth. */
export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/** The command came to its end, and the answer is no; what there is to say about it has been said, or is the message. */
export class CommandFailed extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message)
    this.name = 'CommandFailed'
    this.exitCode = exitCode
  }
}
