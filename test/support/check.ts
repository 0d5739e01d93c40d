/** The command `check`, and what it says of its steps. */
import { runCommand } from './command.ts'
import type { FaultyModule } from './faulty-module/faulty-module.ts'

export interface CheckedStep {
  /** Of several. */
  readonly signer?: string
  readonly status: string
  readonly found: string
  readonly advice?: string
  readonly figures?: Record<string, unknown>
}

export interface CheckResult {
  readonly exitCode: number
  readonly steps: Readonly<Record<string, CheckedStep>>
}

/** What has failed, by name, and the names of what was skipped. */
export interface Failures {
  readonly exitCode: number
  readonly failed: Readonly<Record<string, string>>
  readonly skipped: readonly string[]
}

/** The steps by name. */
export async function runCheck(
  environment: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<CheckResult> {
  const { exitCode, steps } = await run(environment, args)
  return { exitCode, steps: Object.fromEntries(steps.map(({ name, ...step }) => [name, step])) }
}

/** All steps of a name, in their order. */
export async function stepsOf(
  environment: Readonly<Record<string, string>>,
  wanted: string,
  ...args: string[]
): Promise<{ readonly exitCode: number; readonly steps: readonly CheckedStep[] }> {
  const { exitCode, steps } = await run(environment, args)
  return { exitCode, steps: steps.filter(({ name }) => name === wanted) }
}

async function run(environment: Readonly<Record<string, string>>, args: readonly string[]) {
  const { exitCode, stdout } = await runCommand(environment, 'check', '--json', ...args)
  const { ok, steps } = JSON.parse(stdout) as { ok: boolean; steps: (CheckedStep & { name: string })[] }
  if (ok !== (exitCode === 0)) {
    throw new Error(`exit code ${exitCode} where ok is ${ok}`)
  }
  return { exitCode, steps }
}

/** Runs it with a faulty module that keeps to these rules, and variables other than the module's. */
export async function failuresOf(
  faulty: FaultyModule,
  rules: readonly string[],
  changes: Readonly<Record<string, string>> = {},
  ...args: string[]
): Promise<Failures> {
  faulty.plan(...rules)
  const { exitCode, steps } = await runCheck({ ...faulty.environment, ...changes }, ...args)
  faulty.plan()
  const having = (wanted: string) => Object.entries(steps).filter(([, { status }]) => status === wanted)
  return {
    exitCode,
    failed: Object.fromEntries(having('failed').map(([name, { found }]) => [name, found])),
    skipped: having('skipped').map(([name]) => name),
  }
}
