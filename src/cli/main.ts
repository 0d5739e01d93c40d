#!/usr/bin/env node
/** Runs the command `signing-service`. */
import '../common/no-debugger.ts'
import { EXIT_FAILED, EXIT_OK } from './io.ts'

const { env: environment, stdin: input, stdout: output, stderr: errors } = process
// A command whose reader has left (`| head -1`) goes on to its end, so that its work on a token is not cut off halfway
let failure: Error | undefined
output.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    failure ??= error
  }
})
// An error of stderr cannot be reported anywhere
errors.on('error', () => {})
// All other commands end with their terminal
if (process.argv[2] === 'serve') {
  await import('../common/hang-up.ts')
}
const { run } = await import('./run.ts')
const exitCode = await run(process.argv.slice(2), { environment, input, output, errors })
// Writes to a pipe or a file may still fail at the end
process.on('exit', () => {
  if (failure !== undefined && exitCode === EXIT_OK) {
    process.exitCode = EXIT_FAILED
    errors.write(`the results cannot be written: ${failure.message}\n`)
  }
})
process.exitCode = exitCode
