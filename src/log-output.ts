import { pino } from 'pino'

/** Milliseconds that a line waits for others: to write each by itself takes ten times as long as to make it. */
const GATHER_MS = 10

/** Bytes of lines that do not wait. */
const GATHER_BYTES = 8_192

/**
 * Lines for stdout, gathered and written without waiting for who reads them. An end of the process, be it an error that
 * nobody expected, writes what there is; only one that leaves it no time (SIGKILL) takes the last lines along.
 */
export function logOutput() {
  const output = pino.destination({ minLength: GATHER_BYTES })
  let gathering = false

  function write(): void {
    gathering = false
    output.flush()
  }
  return {
    write(line: string): void {
      if (!gathering) {
        gathering = true
        setTimeout(write, GATHER_MS)
      }
      output.write(line)
    },
    /** Called by pino after a line that is fatal. */
    flushSync: () => output.flushSync(),
  }
}
