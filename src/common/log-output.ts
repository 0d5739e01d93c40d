/**
 * Writes the log to stdout without waiting for its reader, in bounded memory.
 *
 * pino's own destination (sonic-boom 4.2) loses pending lines when a process ends whose reader is slow, and never lets
 * a process end whose stdout is on a full disk.
 */
import { writeSync } from 'node:fs'
import { type Logger, type LoggerOptions, pino } from 'pino'

/** Time between writes, in ms. Lines are gathered, since writing each alone takes ten times as long as making it. */
const WRITE_INTERVAL_MS = 10
/** Most characters that may wait; without a limit the process would grow while nobody reads. */
const MAX_WAITING_CHARACTERS = 8_388_608
/** Time that the end of a process waits for a reader that reads nothing, in ms. */
const FLUSH_TIMEOUT_MS = 2_000
const FATAL = pino.levels.values.fatal as number
/** Makes pino set `lastLevel` before it writes a line. */
const METADATA: unique symbol = Symbol.for('pino.metadata')

/** Counters since the start of the process, which has one stdout. */
export const logCounters = {
  /** Number of lines for which there was no room. */
  dropped: 0,
  /** Number of writes that failed for another reason than a slow reader, such as a full disk. */
  failures: 0,
}

/**
 * Returns a logger that writes to stdout. Lines are dropped while more than `limit` characters wait for the reader; a
 * line with their number takes their place.
 */
export function createLogger(options: LoggerOptions, limit = MAX_WAITING_CHARACTERS): Logger {
  neverWait(process.stdout)
  neverWait(process.stderr)
  const output = new LogOutput(process.stdout.fd, limit)
  const logger = pino(options, output)
  // This logger has a level of its own, so that dropped lines are reported whatever LOG_LEVEL is
  const ownLogger = logger.child({}, { level: 'warn' })
  output.onGap = (dropped) =>
    ownLogger.warn({ dropped }, 'the log was not read in time: the lines that belong here were dropped')
  process.on('exit', () => output.flushSync())
  return logger
}

/** Node.js has each write to a terminal wait until there is room: Ctrl-S would stop the service. */
function neverWait(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as { _handle?: { setBlocking?(isBlocking: boolean): void } }
  if (stream.isTTY) {
    handle?.setBlocking?.(false)
  }
}

class LogOutput {
  readonly [METADATA] = true
  /** Set by pino. */
  lastLevel = 0
  /** Set by `createLogger`, whose logger needs this output first. */
  onGap!: (dropped: number) => void
  /** A pipe or socket never blocks, since Node has opened it as `process.stdout`; nor does a terminal: see `neverWait`. */
  readonly #fileDescriptor: number
  readonly #limit: number
  #lines = ''
  /** Bytes that were taken from `#lines` and are not written yet. */
  #rest = Buffer.alloc(0)
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(fileDescriptor: number, limit: number) {
    this.#fileDescriptor = fileDescriptor
    this.#limit = limit
  }

  /** Called by pino. */
  write(line: string): void {
    const isFull = this.#dropped > 0 || this.#lines.length + this.#rest.length + line.length > this.#limit
    if (isFull && this.lastLevel < FATAL) {
      this.#dropped += 1
      logCounters.dropped += 1
      return
    }
    this.#lines += line
    if (this.#timer === undefined) {
      this.#pass()
    }
  }

  /** Writes all lines, and waits for a reader that reads. Called by pino after a fatal line, and at the end. */
  flushSync(): void {
    let end = performance.now() + FLUSH_TIMEOUT_MS
    while (!this.#isEmpty && performance.now() < end) {
      const { written, problem } = this.#writeAll()
      this.#tellGap()
      if (written > 0) {
        end = performance.now() + FLUSH_TIMEOUT_MS
      } else if (problem !== 'EAGAIN') {
        return
      } else {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITE_INTERVAL_MS)
      }
    }
  }

  get #isEmpty(): boolean {
    return this.#lines === '' && this.#rest.length === 0
  }

  /** Writes the lines, and again a little later until none are left. */
  #pass(): void {
    this.#timer = undefined
    if (!this.#isEmpty) {
      this.#writeAll()
      this.#timer = setTimeout(() => this.#pass(), WRITE_INTERVAL_MS).unref()
      this.#tellGap()
    }
  }

  /** Writes as much as stdout accepts. The rest is tried again, since even a full disk may have room later. */
  #writeAll(): { readonly written: number; readonly problem?: string | undefined } {
    let written = 0
    try {
      while (!this.#isEmpty) {
        if (this.#rest.length === 0) {
          this.#rest = Buffer.from(this.#lines)
          this.#lines = ''
        }
        const length = writeSync(this.#fileDescriptor, this.#rest)
        this.#rest = this.#rest.subarray(length)
        written += length
      }
      return { written }
    } catch (error) {
      const problem = (error as NodeJS.ErrnoException).code
      logCounters.failures += problem === 'EAGAIN' ? 0 : 1
      return { written, problem }
    }
  }

  /** Logs how many lines are missing as soon as half of the room is free. From then on lines are accepted again. */
  #tellGap(): void {
    if (this.#dropped > 0 && this.#lines.length + this.#rest.length <= this.#limit / 2) {
      const dropped = this.#dropped
      this.#dropped = 0
      this.onGap(dropped)
    }
  }
}
