import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Environment } from '../../schemas/configuration.ts'

export interface ServerProcess {
  pid: number
  /** Resolves when the server has exited, however that came about. */
  exited: Promise<void>
  /** Resolves when the server answers that it is ready; rejects with its last log lines if it exits or takes too long. */
  ready(timeoutMs: number): Promise<void>
  /** Ends the server and all that it has started: asks first, and kills after the grace time. */
  stop(graceMs: number): Promise<void>
}

export interface ServerOptions {
  /** Path of the compiled server. */
  script: string
  /** All of the service's configuration; settings of the caller's own environment are not passed on. */
  environment: Readonly<Record<string, string>>
  readyUrl: string
  logFile: string
}

/** PATH, HOME and the like, without anything that configures a signing service. */
function neutralEnvironment(): NodeJS.ProcessEnv {
  const isSetting = (name: string) => name in Environment.properties || name.startsWith('SOFTHSM2_')
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)))
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 2000 }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(undefined))
  })
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Whether any process of the group is left, the leader's own children included. */
function groupIsAlive(pid: number): boolean {
  try {
    return process.kill(-pid, 0)
  } catch {
    return false
  }
}

/**
 * Starts the server in a process group of its own, so that a Ctrl-C reaches the demo alone and nothing of the server's
 * outlives it.
 */
export function startServer({ script, environment, readyUrl, logFile }: ServerOptions): ServerProcess {
  const log = openSync(logFile, 'w')
  const child = spawn(process.execPath, [script], {
    env: { ...neutralEnvironment(), ...environment },
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const { pid } = child
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`)
  const killGroup = (): void => {
    if (groupIsAlive(pid)) process.kill(-pid, 'SIGKILL')
  }
  // For when the demo itself fails before it could stop the server.
  process.once('exit', killGroup)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })

  async function lastLogLines(): Promise<string> {
    const lines = (await readFile(logFile, 'utf8')).trim().split('\n')
    // The questions whether it is ready, asked from here, would drown the reason.
    const telling = lines.filter((line) => !line.includes('"/health/ready"')).slice(-20)
    return `Its last log lines (${logFile}):\n${telling.join('\n')}`
  }

  return {
    pid,
    exited,
    async ready(timeoutMs) {
      const deadline = Date.now() + timeoutMs
      while ((await statusOf(readyUrl)) !== 200) {
        if (hasExited(child)) {
          const how = child.signalCode ?? `exit code ${child.exitCode}`
          throw new Error(`The server ended at its start (${how}). ${await lastLogLines()}`)
        }
        if (Date.now() > deadline) {
          throw new Error(`The server was not ready after ${timeoutMs / 1000} s. ${await lastLogLines()}`)
        }
        await delay(100)
      }
    },
    async stop(graceMs) {
      child.kill('SIGTERM')
      await Promise.race([exited, delay(graceMs, undefined, { ref: false })])
      killGroup()
      await exited
      process.off('exit', killGroup)
    },
  }
}
