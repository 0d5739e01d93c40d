import { cpus, totalmem } from 'node:os'
import { runTool } from '../../support/validators/run-tool.ts'

/** What the figures were measured on. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  /** GB. */
  readonly memory: number
  readonly node: string
  readonly token: string
}

export async function describeMachine(): Promise<Machine> {
  const processors = cpus()
  const { stdout } = await runTool('softhsm2-util', ['--version'])
  return {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    memory: Math.round(totalmem() / 1e9),
    node: process.versions.node,
    token: `SoftHSM ${stdout.trim()}, RSA-2048`,
  }
}
