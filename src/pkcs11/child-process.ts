/** Starts the processes that work on a token, and prints what the PKCS#11 library in them does. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'

/** Each user's processes can read the environment that a child was started with: no secret goes there. */
const SECRETS = ['HSM_PIN', 'TSA_PASSWORD']
/** Keeps the AWS SDK from telling, at each start, which Node.js its next versions need; package.json says which these do. */
const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
/** Stands in front of each line that a library prints. */
const MARK = 'PKCS#11: '
/** Time, in ms, that the last lines of a process have: a daemon that its library has started may keep the pipes open. */
const LAST_LINES_MS = 200

/** Characters that wait for the end of their line: a library may print any number without one. */
const MAX_WAITING = 8_192

// An error of stderr can be told nowhere
process.stderr.on('error', () => {})

/**
 * Starts a process that works on a token. It has this process's environment without secrets; it gets the PIN by IPC.
 *
 * @param channels number of sockets that it has after that of Node's own IPC
 * @throws Error where the system refuses at once
 */
export function startChild(main: URL, channels = 0): ChildProcess {
  const environment = Object.entries(process.env).filter(([name]) => !SECRETS.includes(name))
  const child = fork(main, [String(process.pid)], {
    env: { ...Object.fromEntries(environment), ...QUIET },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...Array.from({ length: channels }, () => 'pipe' as const)],
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
