/** Commands of the documentation, run one block after the other as its readers run them, but on this machine. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MAIN } from './command.ts'
import { codeBlocks } from './markdown.ts'

const run = promisify(execFile)

export interface Walk {
  /** Variables that blocks are run with; those that one exports are there for the next. */
  readonly environment: Record<string, string>
  /** What the text has of a machine that is not this one, and what takes its place; more may be added. */
  readonly placeholders: [string, string][]
  /** Blocks that were not taken yet. */
  readonly left: readonly string[]
  /** Takes the next block, as this machine needs it. */
  next(): string
  /** Runs the next block in a shell. Returns what it printed. */
  runNext(): Promise<string>
}

/**
 * @param text in Markdown, whose blocks of `sh` are taken
 * @param directory where they are run, with the built command as `signing-service`
 */
export function readWalk(text: string, directory: string, placeholders: [string, string][]): Walk {
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'signing-service'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(join(bin, 'signing-service'), 0o755)
  const left = codeBlocks(text, 'sh')
  // As many as it takes: each is a thread to start
  const environment: Record<string, string> = { HSM_SESSIONS: '2' }
  const next = () => {
    const block = left.shift() ?? 'false'
    return placeholders.reduce((text, [there, here]) => text.replaceAll(there, here), block)
  }
  return {
    ...{ environment, placeholders, left, next },
    async runNext() {
      const script = next()
      const env = { ...process.env, ...environment, PATH: `${bin}:${process.env.PATH}` }
      const { stdout } = await run('sh', ['-euc', script], { cwd: directory, env })
      for (const [, name = '', value = ''] of script.matchAll(/^export (\w+)=(\S+)$/gm)) {
        environment[name] = value
      }
      return stdout
    },
  }
}
