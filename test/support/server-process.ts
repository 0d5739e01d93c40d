/** The service as its users start it: `src/server.ts` in a process of its own, configured by its environment. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { waitUntilReady } from './service.ts'

const SERVER = new URL(`../../src/server${extname(import.meta.filename)}`, import.meta.url)

export interface ServerProcess {
  readonly child: ChildProcess
  /** Once it listens. */
  readonly url: Promise<string>
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  /** stdout and stderr so far. */
  output(): string
}

/** Starts it on a free port; it is killed with the test if it has not ended. */
export function startServerProcess(
  t: { teardown(act: () => unknown): void },
  environment: Record<string, string>,
): ServerProcess {
  const child = fork(SERVER, {
    env: { ...process.env, SIGNING_SERVICE_HOST: '127.0.0.1', SIGNING_SERVICE_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  const listening = new Promise<string>((resolve) => {
    const read = (chunk: Buffer) => {
      output += chunk
      const url = output.match(/listening at (http:[^"]+)/)?.[1]
      if (url !== undefined) {
        resolve(url)
      }
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  t.teardown(() => child.kill('SIGKILL'))
  return { child, url: listening, exited, output: () => output }
}

/** Starts it and waits until it signs. */
export async function startReadyServerProcess(
  t: { teardown(act: () => unknown): void },
  environment: Record<string, string>,
): Promise<ServerProcess & { readonly address: string }> {
  const server = startServerProcess(t, environment)
  const address = await server.url
  await waitUntilReady(address)
  return { ...server, address }
}
