/**
 * The parent of all other processes where HSM_USER is set, and the only one that is root's. It starts the HTTP process as
 * one user and, at its request, signer processes as another, whose channels it hands over. It reads nothing that callers
 * send, loads no PKCS#11 library and opens no PIN; of the configuration it reads which tokens may be opened. The HTTP process, which may have been broken into, can give it two
 * orders: to start a signer process, and to kill one.
 */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { fileVersion } from './common/file-version.ts'
import { onHangUp } from './common/hang-up.ts'
import type { TokenAccess } from './configuration/signer-configuration.ts'
import { listTokens } from './configuration/token-access.ts'
import { findAuditFolder, type ProcessUsers } from './configuration/users.ts'
import { refuseProblems } from './errors.ts'
import { channelsOf, describeEnd, startSignerProcess } from './pkcs11/child-process.ts'
import { APART, type FromParent, type ToParent } from './pkcs11/messages.ts'

/** Signer processes at once: one for each token, and another while a key changes. */
const MAX_PROCESSES = 256
/** Sessions of each: those of HSM_SESSIONS, and half as many zombies. */
const MAX_SESSIONS = 1_536
/** Time, in ms, that signer processes have to end after the HTTP process. */
const CLOSE_MS = 6_000

/** Matches variables of the AWS SDK, which only signer processes load. With credentials in them the PIN could be read. */
const AWS = /^AWS_/

/** The end of the HTTP process. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Time for a user to have the program read, in ms, of which a tenth of a second is usual. */
const CHECK_MS = 30_000

/**
 * Refuses users who may not run this program. Node.js would say of what they may not read that it is not there.
 *
 * @param main module that the HTTP process runs
 * @throws ConfigurationError
 */
export function checkUsers({ http, hsm }: ProcessUsers, main: URL): void {
  const path = fileURLToPath(main)
  const problems = Object.entries({ SIGNING_SERVICE_USER: http, HSM_USER: hsm }).flatMap(
    ([variable, user]) => {
      const env = { ...environmentOfUsers(), NODE_OPTIONS: '' }
      const args = ['--check', path]
      const ended = spawnSync(process.execPath, args, { ...user, env, stdio: 'ignore', timeout: CHECK_MS })
      return ended.status === 0 ? [] : [{ variable, message: explainEnd(ended, path) }]
    },
  )
  refuseProblems(problems)
}

/** Says why a user cannot run the program at a path, and what to do where that is known. */
export function explainEnd(
  { status, signal, error }: Pick<SpawnSyncReturns<unknown>, 'status' | 'signal' | 'error'>,
  path: string,
): string {
  const enter = 'the user must be able to enter all folders above it, which nobody but root can below /root'
  const reason = (error as NodeJS.ErrnoException | undefined)?.code ?? signal
  if (reason === 'EPERM') {
    return 'this process may not become another user (EPERM): it needs the capabilities SETUID, SETGID and KILL'
  }
  if (reason === 'EACCES' || reason === 'ENOENT') {
    return `cannot run ${process.execPath} (${reason}): ${enter}`
  }
  return status === null ? `cannot run ${process.execPath} (${reason})` : `cannot read ${path}: ${enter}`
}

function environmentOfUsers(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !AWS.test(name)))
}

/**
 * Starts the HTTP process, and serves it until it ends.
 *
 * @param main module that it runs
 * @returns how it ended, once all signer processes have ended, too
 */
export async function runParent({ http: user, hsm }: ProcessUsers, main: URL): Promise<End> {
  const running = new Map<number, ChildProcess>()
  const configured = new ConfiguredTokens()
  const args = [
    ...process.execArgv,
    ...permissionFlags(findAuditFolder(process.env)),
    fileURLToPath(main),
    APART,
  ]
  const http = spawn(process.execPath, args, {
    ...user,
    env: environmentOfUsers(),
    // The signals of a terminal reach this process alone, which passes them on
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // While the other process is loaded
  configured.read()
  const tell = (message: FromParent, channel?: Socket) => http.send(message, channel, {}, () => {})

  function start(id: number, sessions: number): void {
    const isInRange = Number.isInteger(sessions) && sessions > 0 && sessions <= MAX_SESSIONS
    if (!isInRange || running.has(id) || running.size >= MAX_PROCESSES) {
      throw new Error('the HTTP process asks for what it never needs')
    }
    const child = startSignerProcess(sessions, { user: hsm, tokens: configured.read() })
    running.set(id, child)
    const end = (how: string) => {
      running.delete(id)
      tell({ type: 'ended', id, how })
    }
    child.once('exit', (code, signal) => end(describeEnd(code, signal)))
    // It could not be started; a signal that could not be sent is an error, too
    child.on('error', (error: NodeJS.ErrnoException) => child.pid === undefined && end(`${error.code}`))
    for (const channel of channelsOf(child)) {
      tell({ type: 'channel', id }, channel)
    }
    // Node.js sends it when the HTTP process has said that it has the channels, and the ends of this process are closed
    tell({ type: 'started', id })
  }

  http.on('message', (order: ToParent | null) => {
    if (order === null) {
      // JSON has it, and nobody who is in his senses sends it
      return
    }
    const { id } = order
    if (order.type === 'kill') {
      running.get(id)?.kill('SIGKILL')
      return
    }
    try {
      start(id, order.sessions)
    } catch (error) {
      // The system refused, or this process did
      const { code, message } = error as NodeJS.ErrnoException
      tell({ type: 'ended', id, how: code ?? message })
    }
  })
  // Its first order shows that it listens: before, the signal would end it
  http.once('message', () => onHangUp(() => http.kill('SIGHUP')))
  process.on('SIGTERM', () => http.kill('SIGTERM'))
  process.on('SIGINT', () => http.kill('SIGINT'))

  const [code, signal] = await once(http, 'exit')
  const signers = [...running.values()]
  const timer = setTimeout(() => signers.forEach((child) => void child.kill('SIGKILL')), CLOSE_MS)
  await Promise.all(signers.map((child) => once(child, 'exit')))
  clearTimeout(timer)
  return { code, signal }
}

/**
 * The tokens that signer processes may open: all that the configuration has had since the start. Those of before a change go on
 * where that is refused, or not taken over yet.
 */
class ConfiguredTokens {
  /** Keyed by themselves in JSON. */
  readonly #tokens = new Map<string, TokenAccess>()
  /** The version of the signers file that was read last. */
  #version: string | undefined

  /** Reads the configuration anew if the signers file has changed. What is wrong with it is the HTTP process's to tell. */
  read(): TokenAccess[] {
    const version = fileVersion(process.env.SIGNERS_FILE ?? '')
    if (version !== this.#version) {
      this.#version = version
      for (const access of listTokens()) {
        this.#tokens.set(JSON.stringify(access), access)
      }
    }
    return [...this.#tokens.values()]
  }
}

/**
 * Returns the flags by which Node.js lets a process start no programs, load no native code and write no files, if it can.
 *
 * @param auditFolder folder in which it writes nevertheless, with a lock that takes a program, flock
 */
export function permissionFlags(
  auditFolder?: string,
  known: ReadonlySet<string> = process.allowedNodeEnvironmentFlags,
): string[] {
  const recording =
    auditFolder === undefined ? [] : [`--allow-fs-write=${auditFolder}`, '--allow-child-process']
  const flags = ['--permission', '--allow-fs-read=*', '--allow-net', ...recording]
  return known.has('--permission') ? flags.filter((flag) => known.has(flag.replace(/=.*/, ''))) : []
}
