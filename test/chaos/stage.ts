/** Where scenarios play: the real server as a process of its own, on a token that can be made to fail. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createFaultyModule, type FaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createP11KitServer, type P11KitServer } from '../support/p11-kit.ts'
import { startServerProcess } from '../support/server-process.ts'
import { hsmStatus } from '../support/signing.ts'
import { CallLog } from './call-log.ts'
import { Judge } from './judge.ts'
import { type Material, withWrongPin } from './material.ts'
import type { ServerKind } from './scenario.ts'

const SETTLE_MS = 15_000
const END_MS = 15_000

export interface Stage {
  readonly kind: ServerKind
  readonly url: string
  /** Process id of the HTTP process. */
  readonly pid: number
  readonly material: Material
  readonly module: FaultyModule
  readonly calls: CallLog
  readonly judge: Judge
  /** The server between the client module and SoftHSM, on a stage of that kind. */
  readonly p11Kit: P11KitServer | undefined
  /** Whether the HTTP process is the one that was started. */
  isAlive(): boolean
  /** Waits until the service is ready and all sessions are free. Returns what has not become so in time. */
  settle(): Promise<string | undefined>
  end(): Promise<void>
}

/** Starts a server for scenarios of that kind. `environment` changes its configuration. */
export async function createStage(
  material: Material,
  kind: ServerKind,
  environment: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const directory = mkdtempSync(join(material.directory, 'stage-'))
  const p11Kit = kind === 'p11-kit' ? createP11KitServer(directory, material.environment) : undefined
  await p11Kit?.start()
  const target = p11Kit?.environment ?? material.environment
  const module = await createFaultyModule(directory, kind === 'wrong PIN' ? withWrongPin(target) : target)
  let kill = () => {}
  const server = startServerProcess(
    {
      teardown: (act) => {
        kill = () => void act()
      },
    },
    { ...module.environment, HSM_SESSIONS: '8', ...environment },
  )
  process.once('exit', kill)
  const url = await server.url
  return {
    kind,
    url,
    pid: server.child.pid ?? 0,
    material,
    module,
    calls: new CallLog(module.environment.FAULTY_MODULE_CALLS ?? ''),
    judge: new Judge(material.publicKey, material.certificates),
    p11Kit,
    isAlive: () => server.child.exitCode === null && server.child.signalCode === null,
    settle: () => settle(url),
    end: async () => {
      server.child.kill('SIGTERM')
      const timer = setTimeout(kill, END_MS)
      await server.exited
      clearTimeout(timer)
      process.off('exit', kill)
      await p11Kit?.kill()
    },
  }
}

async function settle(url: string): Promise<string | undefined> {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const { state, sessions } = await hsmStatus(url)
    const { idle = 0, ...others } = sessions
    const unsettled = Object.entries(others).filter(([, count]) => count > 0)
    if (state === 'ready' && idle > 0 && unsettled.length === 0) {
      return undefined
    }
    if (performance.now() > end) {
      const left = unsettled.map(([name, count]) => `${count} ${name}`)
      return `${state} ${SETTLE_MS / 1000} s later, sessions: ${[`${idle} idle`, ...left].join(', ')}`
    }
    await delay(20)
  }
}
