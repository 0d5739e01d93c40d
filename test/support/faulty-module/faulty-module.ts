/** Faults of a PKCS#11 module at a test's command; `faulty.c` says what a plan may contain. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildFaultyModule } from './build.ts'

export interface FaultyModule {
  /** The token's environment, with this module in front of its own. */
  readonly environment: Readonly<Record<string, string>>
  /** Replaces the plan by these rules, for calls that begin from now on and those on hold; none: all goes well. */
  plan(...rules: string[]): void
  /** How often a function has been called so far, by all processes together. */
  calls(name: string): number
  /** The processes that have initialized the module, in their order. */
  processes(): number[]
}

/**
 * Puts the faulty module in front of the one in `environment`. Signer processes inherit its variables from this
 * process: one faulty module a test file, as with tokens.
 */
export async function createFaultyModule(
  directory: string,
  environment: Readonly<Record<string, string>>,
  ...rules: string[]
): Promise<FaultyModule> {
  const path = join(directory, 'faults')
  const callsPath = join(directory, 'calls')
  const variables = {
    FAULTY_MODULE_TARGET: environment.HSM_MODULE ?? '',
    FAULTY_MODULE_PLAN: path,
    FAULTY_MODULE_CALLS: callsPath,
  }
  Object.assign(process.env, variables)
  const read = () =>
    existsSync(callsPath)
      ? readFileSync(callsPath, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => line.split(' '))
      : []
  const plan = (...lines: string[]) => {
    writeFileSync(`${path}.new`, `${lines.join('\n')}\n`)
    renameSync(`${path}.new`, path)
  }
  plan(...rules)
  return {
    environment: { ...environment, ...variables, HSM_MODULE: await buildFaultyModule() },
    plan,
    calls: (name) => read().filter(([called]) => called === name).length,
    processes: () =>
      read()
        .filter(([called]) => called === 'C_Initialize')
        .map(([, pid]) => Number(pid)),
  }
}
