import { execFile } from 'node:child_process'

export interface ToolResult {
  exitCode: number
  stdout: string
  stderr: string
}

/**
 * Runs a command that may well exit with another code than 0: a validator that says no is an answer, not an error.
 *
 * @throws when the command cannot be started or is killed by a signal
 */
export function runTool(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    // English output whatever the machine's language is: it is parsed.
    const env = { ...process.env, LC_ALL: 'C' }
    execFile(command, args, { ...options, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
