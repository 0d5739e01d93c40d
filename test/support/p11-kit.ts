/** A p11-kit server, which serves a token's PKCS#11 module over a socket: it goes away and comes back as HSMs do. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { repositoryPath } from './repository.ts'
import { until } from './signing.ts'

export interface P11KitServer {
  /** The token's environment, with p11-kit's client as the module and the server's address for it. */
  readonly environment: Readonly<Record<string, string>>
  /** Starts it, again after a kill; resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it and all that serve its connections at once, as a power failure would. */
  kill(): Promise<void>
}

function findClient(): string {
  return execFileSync(repositoryPath('docker/p11-kit-client-path.sh'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

/** Returns the path of p11-kit's library for all tokens of the host; undefined where it is not installed. */
export function findP11KitProxy(): string | undefined {
  try {
    const proxy = join(dirname(findClient()), '..', 'p11-kit-proxy.so')
    return existsSync(proxy) ? proxy : undefined
  } catch {
    return undefined
  }
}

/**
 * A server for the token of `environment`; it does not run yet, and whoever starts it kills it.
 *
 * @param directory where its socket is: its path must fit into the about 100 bytes that a socket's name has
 */
export function createP11KitServer(
  directory: string,
  environment: Readonly<Record<string, string>>,
): P11KitServer {
  const socket = join(directory, 'p11-kit.sock')
  const { HSM_MODULE = '', HSM_TOKEN_LABEL = '' } = environment
  const client = findClient()
  let server: ChildProcess | undefined
  // It leads a process group, since it serves each connection by a process that would outlive it
  const killGroup = () => {
    if (server?.pid !== undefined && server.exitCode === null) {
      process.kill(-server.pid, 'SIGKILL')
      server = undefined
    }
  }
  return {
    environment: { ...environment, HSM_MODULE: client, P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` },
    start: async () => {
      rmSync(socket, { force: true })
      server = spawn(
        'p11-kit',
        [
          ...['server', '--foreground', '--name', socket, '--provider', HSM_MODULE],
          `pkcs11:token=${encodeURIComponent(HSM_TOKEN_LABEL)}`,
        ],
        { env: { ...process.env, ...environment }, detached: true, stdio: ['ignore', 'ignore', 'inherit'] },
      )
      process.once('exit', killGroup)
      await until('the p11-kit server listens', () => takesConnections(socket))
    },
    kill: async () => {
      const ended = server && once(server, 'exit')
      process.off('exit', killGroup)
      killGroup()
      await ended
    },
  }
}

function takesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
