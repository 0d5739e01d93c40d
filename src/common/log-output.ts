/**
 * Writes the log to stdout without waiting for its reader, in bounded memory.
 *
 * pino's own destination (sonic-boom 4.2) loses what is under way when a process ends whose reader is slow, and never
 * lets a process end whose stdout is a full disk.
 */
import { writeSync } from 'node:fs'
import { type Logger, type LoggerOptions, pino } from 'pino'

/** Milliseconds between writes: one write for each line takes ten times as long as making the line. */
const GATHER_MS = 10
/** Characters that may wait; without a limit the process would grow for as long as nobody reads. */
const LIMIT = 8_388_608
/** Milliseconds that the end of a process waits for a reader that reads nothing. */
const PATIENCE_MS = 2_000
const FATAL = pino.levels.values.fatal as number
/** Has pino tell the level of each line before it writes it. */
const METADATA: unique symbol = Symbol.for('pino.metadata')

/** Counts since the start of the process, which has one stdout. */
export const logFigures = {
  /** Lines for which there was no room. */
  dropped: 0,
  /** Writes that failed other than for a reader that is slow: the disk is full, for one. */
  failures: 0,
}

/**
 * Returns a logger whose lines go to stdout. Lines that nobody reads are dropped once `limit` characters wait; a line
 * with their number stands in their place.
 */
export function createLogger(options: LoggerOptions, limit = LIMIT): Logger {
  const output = new LogOutput(process.stdout.fd, limit)
  const logger = pino(options, output)
  // Its level is its own: the number is told whatever LOG_LEVEL is
  const ownLogger = logger.child({}, { level: 'warn' })
  output.onGap = (dropped) =>
    ownLogger.warn({ dropped }, 'the log was not read in time: the lines that belong here were dropped')
  process.on('exit', () => output.flushSync())
  return logger
}

class LogOutput {
  readonly [METADATA] = true
  /** Set by pino. */
  lastLevel = 0
  /** Set by `createLogger`, whose logger needs this output first. */
  onGap!: (dropped: number) => void
  /** A pipe or socket never blocks, since Node has opened it as `process.stdout`. */
  readonly #fileDescriptor: number
  readonly #limit: number
  #lines: string[] = []
  /** Characters in the lines. */
  #length = 0
  /** Octets that were taken from the lines and are not written yet. */
  #rest = Buffer.alloc(0)
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(fileDescriptor: number, limit: number) {
    this.#fileDescriptor = fileDescriptor
    this.#limit = limit
  }

  /** Called by pino. */
  write(line: string): void {
    const isFull = this.#dropped > 0 || this.#length + this.#rest.length + line.length > this.#limit
    if (isFull && this.lastLevel < FATAL) {
      this.#dropped += 1
      logFigures.dropped += 1
      return
    }
    this.#lines.push(line)
    this.#length += line.length
    if (this.#timer === undefined) {
      this.#pass()
    }
  }

  /** Called by pino after a fatal line, and at the end of the process: waits for the reader as long as it reads. */
  flushSync(): void {
    let end = performance.now() + PATIENCE_MS
    while (!this.#isEmpty && performance.now() < end) {
      const { written, problem } = this.#writeAll()
      this.#tellGap()
      if (written > 0) {
        end = performance.now() + PATIENCE_MS
      } else if (problem !== 'EAGAIN') {
        return
      } else {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, GATHER_MS)
      }
    }
  }

  get #isEmpty(): boolean {
    return this.#lines.length === 0 && this.#rest.length === 0
  }

  /** Writes what there is, and again a little later until nothing is left. */
  #pass(): void {
    this.#timer = undefined
    if (!this.#isEmpty) {
      this.#writeAll()
      this.#timer = setTimeout(() => this.#pass(), GATHER_MS).unref()
      this.#tellGap()
    }
  }

  /** Writes as much as is taken. What is left is tried again, whatever the problem: a full disk may have room later. */
  #writeAll(): { readonly written: number; readonly problem?: string | undefined } {
    let written = 0
    try {
      while (!this.#isEmpty) {
        if (this.#rest.length === 0) {
          this.#rest = Buffer.from(this.#lines.join(''))
          this.#lines = []
          this.#length = 0
        }
        const length = writeSync(this.#fileDescriptor, this.#rest)
        this.#rest = this.#rest.subarray(length)
        written += length
      }
      return { written }
    } catch (error) {
      const problem = (error as NodeJS.ErrnoException).code
      logFigures.failures += problem === 'EAGAIN' ? 0 : 1
      return { written, problem }
    }
  }

  /** Says how many lines are missing as soon as half of the room is free; from there on lines are kept again. */
  #tellGap(): void {
    if (this.#dropped > 0 && this.#length + this.#rest.length <= this.#limit / 2) {
      const dropped = this.#dropped
      this.#dropped = 0
      this.onGap(dropped)
    }
  }
}
