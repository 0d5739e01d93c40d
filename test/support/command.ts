/** The command `signing-service`, run in the test's own process. */
import { PassThrough } from 'node:stream'
import { run } from '../../src/cli/run.ts'

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** @param environment all that the command sees of an environment; the library's process has the test's own */
export async function runCommand(
  environment: Readonly<Record<string, string | undefined>>,
  ...args: string[]
): Promise<CommandResult> {
  let stdout = ''
  let stderr = ''
  const output = new PassThrough().on('data', (chunk) => {
    stdout += chunk
  })
  const errors = new PassThrough().on('data', (chunk) => {
    stderr += chunk
  })
  const exitCode = await run(args, { environment, input: new PassThrough(), output, errors })
  return { exitCode, stdout, stderr }
}
