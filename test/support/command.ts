/** The command `signing-service`, run in the test's own process. */
import { execFile } from 'node:child_process'
import { PassThrough, type Readable } from 'node:stream'
import { run } from '../../src/cli/run.ts'
import { programPath } from './programs.ts'
import { keepEnvironment, keepSecret, keepToken, lookThrough } from './secret-watch.ts'

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** @param environment all that the command sees of an environment; the library's process has the test's own */
export function runCommand(
  environment: Readonly<Record<string, string | undefined>>,
  ...args: string[]
): Promise<CommandResult> {
  return runCommandWithInput(new PassThrough(), environment, ...args)
}

/** @param input standard input, which is no terminal */
export async function runCommandWithInput(
  input: Readable,
  environment: Readonly<Record<string, string | undefined>>,
  ...args: string[]
): Promise<CommandResult> {
  keepEnvironment(environment)
  let stdout = ''
  let stderr = ''
  const output = new PassThrough().on('data', (chunk) => {
    stdout += chunk
  })
  const errors = new PassThrough().on('data', (chunk) => {
    stderr += chunk
  })
  const exitCode = await run(args, { environment, input, output, errors })
  if (args[0] === 'user' && args[1] === 'add') {
    // It prints a new token, once
    keepToken('token of a user', stdout.trim())
  } else if (args[0] !== 'sign') {
    // A signature is what `sign` prints
    lookThrough(`stdout of ${args[0]}`, stdout)
  }
  lookThrough(`stderr of ${args[0]}`, stderr)
  return { exitCode, stdout, stderr }
}

/** Path of the command's own module. */
export const MAIN = programPath('cli/main')

/** A terminal whose user answers once asked: what is typed before that, a terminal shows. */
const TERMINAL = `
import os, pty, sys
typed = os.environ.pop('TYPED')
def read(terminal):
    data = os.read(terminal, 4096)
    if any(question in data for question in (b"PIN of the user", b"Passphrase of", b"from the token:")):
        os.write(terminal, typed.encode())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read, lambda _: b'')))
`

/**
 * The command in a process of its own, at a terminal.
 *
 * @param typed at the question for the PIN, for a passphrase, or for the name of what is deleted
 */
export function runAtTerminal(
  environment: Readonly<Record<string, string>>,
  typed: string,
  ...args: string[]
): Promise<{ exitCode: number; output: string }> {
  keepEnvironment(environment)
  if (typed.length > 'yes\n'.length) {
    keepSecret('what was typed', typed.replace('\x1a', '').trim())
  }
  const env = { ...process.env, ...environment, TYPED: typed }
  return new Promise((resolve, reject) => {
    execFile('python3', ['-c', TERMINAL, process.execPath, MAIN, ...args], { env }, (error, output) => {
      lookThrough('the terminal', output)
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ exitCode: error ? Number(error.code) : 0, output })
    })
  })
}
