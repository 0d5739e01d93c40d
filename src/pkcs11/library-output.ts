import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/** Stands in front of each line that a library prints. */
const MARK = 'PKCS#11: '
/** Time, in ms, that the last lines of a process have: a daemon that its library has started may keep the pipes open. */
const LAST_LINES_MS = 200

/** Characters that wait for the end of their line: a library may print any number without one. */
const MAX_WAITING = 8_192

// An error of stderr can be told nowhere
process.stderr.on('error', () => {})

/**
 * Writes to stderr what the PKCS#11 library of a child process prints, each line with `PKCS#11: ` in front, which tells it
 * from our messages. Lines that nobody reads are dropped: a library that waited for their reader would not sign.
 *
 * @param child whose stdout and stderr are pipes; it has none where it could not be started
 */
export function passOnLibraryOutput(child: ChildProcess): void {
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
