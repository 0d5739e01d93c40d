/** tinyproxy, an HTTP proxy that others have made. */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findPort } from './ports.ts'
import { until } from './signing.ts'

export interface Tinyproxy {
  /** Without user and password. */
  readonly url: URL
  /** The first lines of the requests that it got, such as `CONNECT 127.0.0.1:443 HTTP/1.1`. */
  requests(): string[]
  kill(): void
}

export interface TinyproxyOptions {
  readonly user?: string
  readonly password?: string
}

export function hasTinyproxy(): boolean {
  try {
    execFileSync('tinyproxy', ['-v'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Starts it and waits until it listens; it is killed with the test. */
export async function startTinyproxy(
  t: { testdir(): string; teardown(act: () => unknown): void },
  { user, password }: TinyproxyOptions = {},
): Promise<Tinyproxy> {
  const directory = t.testdir()
  const log = join(directory, 'log')
  const port = await findPort()
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', `LogFile "${log}"`, 'LogLevel Connect']
  const basic = user === undefined ? [] : [`BasicAuth ${user} ${password}`]
  writeFileSync(join(directory, 'tinyproxy.conf'), [...lines, ...basic, ''].join('\n'))
  const child = spawn('tinyproxy', ['-d', '-c', join(directory, 'tinyproxy.conf')], { stdio: 'ignore' })
  const kill = () => child.kill('SIGKILL')
  // Where the test ends without its teardown, too
  process.once('exit', kill)
  t.teardown(() => {
    process.off('exit', kill)
    kill()
  })
  await until('tinyproxy listens', () => listens(port))
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    requests: () =>
      [...readFileSync(log, 'utf8').matchAll(/Request \(file descriptor \d+\): (.*)/g)].map(
        ([, line]) => `${line}`,
      ),
    kill,
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}
