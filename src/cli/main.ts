#!/usr/bin/env node
/** Runs the command `signing-service`. */
import '../common/no-debugger.ts'
import { tolerateClosedOutput } from './closed-output.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts'

const { env: environment, stdin: input, stdout: output, stderr: errors } = process
const failure = tolerateClosedOutput({ output, errors })
const { run } = await import('./run.ts')
const exitCode = await run(process.argv.slice(2), { environment, input, output, errors })
// Writes to a pipe or a file may still fail at the end
process.on('exit', () => {
  const { message } = failure() ?? {}
  if (message !== undefined && exitCode === EXIT_OK) {
    process.exitCode = EXIT_FAILED
    errors.write(`the results cannot be written: ${message}\n`)
  }
})
process.exitCode = exitCode
