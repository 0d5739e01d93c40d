/** The service as its users start it: `src/server.ts` in a process of its own, configured by its environment. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { TlsOptions } from './http.ts'
import { checkLog } from './log-lines.ts'
import { programPath } from './programs.ts'
import { keepEnvironment, lookThrough } from './secret-watch.ts'
import { waitUntilReady } from './service.ts'

const SERVER = programPath('server')

/** A server that runs for minutes under load logs more than is worth keeping. */
const KEPT_OUTPUT = 4_000_000

export interface ServerProcess {
  readonly child: ChildProcess
  /** Once it listens. */
  readonly url: Promise<string>
  /** Returns the address of its admin port, which listens before the other one. */
  adminUrl(): string
  /** And all of its log read. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  /** stdout and stderr so far, without the beginning where that is millions of characters away. */
  output(): string
}

/** What is started in place of `src/server.ts`. */
export interface ServerProgram {
  /** Path of a module. */
  readonly module: string
  readonly args: readonly string[]
  readonly cwd: string
}

/** Starts it on a free port; it is killed with the test if it has not ended. */
export function startServerProcess(
  t: { teardown(act: () => unknown): void },
  environment: Record<string, string>,
  { module, args, cwd }: ServerProgram = { module: SERVER, args: [], cwd: process.cwd() },
): ServerProcess {
  keepEnvironment(environment)
  const child = fork(module, args, {
    cwd,
    env: { ...process.env, SIGNING_SERVICE_HOST: '127.0.0.1', SIGNING_SERVICE_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  const listening = new Promise<string>((resolve) => {
    let found = false
    const append = (chunk: Buffer) => {
      output += chunk
      const url = found ? undefined : output.match(/listening at (https?:[^"]+)/)?.[1]
      if (url !== undefined) {
        found = true
        resolve(url)
      }
      if (output.length > 2 * KEPT_OUTPUT) {
        output = output.slice(-KEPT_OUTPUT)
      }
    }
    child.stdout?.on('data', append)
    child.stderr?.on('data', append)
  })
  // At its exit what it logged may still be on its way
  const read = once(child.stdout as Readable, 'end')
  const exited = once(child, 'exit').then(async ([code, signal]) => {
    await read
    return { code, signal }
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    lookThrough('the output of a server', output)
    checkLog(output)
  })
  const adminUrl = () => output.match(/the admin port listens at (http:[^"]+)/)?.[1] ?? ''
  return { child, url: listening, adminUrl, exited, output: () => output }
}

/** Starts it and waits until it signs. */
export async function startReadyServerProcess(
  t: { teardown(act: () => unknown): void },
  environment: Record<string, string>,
  program?: ServerProgram,
  tls?: TlsOptions,
): Promise<ServerProcess & { readonly address: string }> {
  const server = startServerProcess(t, environment, program)
  const address = await server.url
  await waitUntilReady(address, tls)
  return { ...server, address }
}
