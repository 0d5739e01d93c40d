#!/usr/bin/env node
/** The command `signing-service`. */
import '../common/no-debugger.ts'
import { tolerateClosed } from './closed-output.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts'

const { env: environment, stdin: input, stdout: output, stderr: errors } = process
const failure = tolerateClosed({ output, errors })
const { run } = await import('./run.ts')
const exitCode = await run(process.argv.slice(2), { environment, input, output, errors })
// What is still on its way to a pipe or a file may fail as well
process.on('exit', () => {
  const { message } = failure() ?? {}
  if (message !== undefined && exitCode === EXIT_OK) {
    process.exitCode = EXIT_FAILED
    errors.write(`the results cannot be written: ${message}\n`)
  }
})
process.exitCode = exitCode
