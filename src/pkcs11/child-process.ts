/** Starts the processes that work on a token, and prints what the PKCS#11 library in them does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { extname } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { TokenAccess } from '../configuration/signer-configuration.ts'
import type { UserIds } from '../configuration/users.ts'
import { APART, MAIN_CHANNEL } from './messages.ts'

/**
 * Each user's processes can read the environment that a child was started with: no secret goes there. Headers for a collector
 * of OpenTelemetry have its key.
 */
const SECRETS = /^(?:HSM_PIN|TSA_PASSWORD|CHECK_TOKEN|OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS)$/
/** Keeps the AWS SDK from telling, at each start, which Node.js its next versions need; package.json says which these do. */
const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
/** Has V8 collect a heap's garbage after 3 MB, not 9: each session has a heap of its own. */
const SMALL_HEAPS = '--optimize-for-size'
/** Stands in front of each line that a library prints. */
const MARK = 'PKCS#11: '
/** Time, in ms, that the last lines of a process have: a daemon that its library has started may keep the pipes open. */
const LAST_LINES_MS = 200

/** Characters that wait for the end of their line: a library may print any number without one. */
const MAX_WAITING = 8_192

// An error of stderr can be told nowhere
process.stderr.on('error', () => {})

const SIGNER_PROCESS = new URL(`./process/entry${extname(import.meta.filename)}`, import.meta.url)

/** Starts a process that works on a token by orders that it gets by Node's IPC, the PIN among them. */
export function startChild(main: URL): ChildProcess {
  return start(main, [], ['ipc'])
}

/**
 * Starts a signer process, which knows this process as its parent. Its first channel is the main thread's, and each session
 * has one of the others.
 *
 * @param sessions how many there can be at once
 * @param apart the user who runs it, and the only tokens that it opens; whoever runs this process, and any token, unless given
 * @throws Error where the system refuses at once
 */
export function startSignerProcess(
  sessions: number,
  apart?: { readonly user: UserIds; readonly tokens: readonly TokenAccess[] },
): ChildProcess {
  const channels = Array(1 + sessions).fill('pipe')
  if (apart === undefined) {
    return start(SIGNER_PROCESS, [String(sessions)], channels)
  }
  const child = start(SIGNER_PROCESS, [String(sessions), APART], channels, apart.user)
  // A process that could not be started, or has gone, reads nothing; what ended it is told elsewhere
  child.stdin?.on('error', () => {}).end(JSON.stringify(apart.tokens))
  return child
}

/** Returns the sockets of a signer process; none where the system had no file descriptors left, whatever the type says. */
export function channelsOf({ stdio = [] }: { readonly stdio?: readonly unknown[] }): Socket[] {
  return stdio.slice(MAIN_CHANNEL) as Socket[]
}

/** Says how a process ended, for example `exit code 1` or `signal SIGSEGV`, and why none can be started, where that is known. */
export function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`
  return isWorkingDirectoryGone()
    ? `${how}; the working directory was removed: start the service in one that stays`
    : how
}

function isWorkingDirectoryGone(): boolean {
  try {
    // No link to a directory is left where it was removed
    return statSync('.').nlink === 0
  } catch {
    // A network file system answers ESTALE
    return true
  }
}

/** Starts a module in a process that has this one's environment without secrets. */
function start(
  main: URL,
  args: readonly string[],
  channels: readonly ('ipc' | 'pipe')[],
  user?: UserIds,
): ChildProcess {
  const environment = Object.entries(process.env).filter(([name]) => !SECRETS.test(name))
  const all = [...process.execArgv, SMALL_HEAPS, fileURLToPath(main), String(process.pid), ...args]
  const child = spawn(process.execPath, all, {
    ...user,
    env: { ...Object.fromEntries(environment), ...QUIET },
    serialization: 'advanced',
    stdio: [user === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...channels],
  })
  passOnLibraryOutput(child)
  return child
}

/**
 * Writes to stderr what the PKCS#11 library of a child process prints, each line with `PKCS#11: ` in front, which tells it
 * from our messages. Lines that nobody reads are dropped: a library that waited for their reader would not sign.
 *
 * @param child whose stdout and stderr are pipes; it has none where it could not be started
 */
function passOnLibraryOutput(child: ChildProcess): void {
  const outputs = (child.stdio?.slice(1, 3) ?? []) as Readable[]
  for (const output of outputs) {
    passOn(output)
  }
  const close = () => outputs.forEach((output) => void output.destroy())
  child.once('exit', () => setTimeout(close, LAST_LINES_MS).unref())
}

function passOn(output: Readable): void {
  let waiting = ''
  const passOnWaiting = () => {
    if (waiting !== '') {
      print(waiting)
      waiting = ''
    }
  }
  output
    .setEncoding('utf8')
    .on('data', (text: string) => {
      const lines = `${waiting}${text}`.split(/\r\n|[\r\n]/)
      waiting = lines.pop() as string
      lines.forEach(print)
      if (waiting.length > MAX_WAITING) {
        passOnWaiting()
      }
    })
    .on('end', passOnWaiting)
}

function print(line: string): void {
  if (!process.stderr.writableNeedDrain) {
    process.stderr.write(`${MARK}${line}\n`)
  }
}
