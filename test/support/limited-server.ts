/** The service in a process that may have less of something than it would take. */
import { type ChildProcess, spawn } from 'node:child_process'
import { findPort } from './ports.ts'
import { programPath } from './programs.ts'
import { waitUntilReady } from './service.ts'

export interface LimitedServer {
  readonly child: ChildProcess
  readonly url: string
  /** Returns stdout so far. */
  log(): string
}

/**
 * Starts it, and waits until it is ready; it is killed with the test if it has not ended.
 *
 * @param limit option of prlimit, such as `--nofile=300`
 * @param user id of the user and group that it runs as; those of this process by default
 */
export async function startLimitedServer(
  t: { teardown(act: () => unknown): void },
  limit: string,
  environment: Readonly<Record<string, string>>,
  user?: number,
): Promise<LimitedServer> {
  const port = await findPort()
  const child = spawn('prlimit', [limit, process.execPath, programPath('server')], {
    ...(user !== undefined && { uid: user, gid: user }),
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: process.env.NODE_OPTIONS,
      ...environment,
      ...{ SIGNING_SERVICE_HOST: '127.0.0.1', SIGNING_SERVICE_PORT: `${port}` },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stdout.on('data', (chunk) => {
    log += chunk
  })
  const url = `http://127.0.0.1:${port}`
  await waitUntilReady(url)
  return { child, url, log: () => log }
}
