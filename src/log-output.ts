import { pino } from 'pino'

/** Milliseconds between writes: to write each line by itself takes ten times as long as to make it. */
const GATHER_MS = 10

/**
 * Lines for stdout, written without waiting for who reads them: one that comes alone at once, those that follow it closely
 * together. An end of the process, be it an error that nobody expected, writes what there is; only one that leaves it no
 * time (SIGKILL) takes the last lines along.
 */
export function logOutput() {
  const output = pino.destination()
  let gathered = ''
  let gathering = false

  function pass(): void {
    const lines = gathered
    gathered = ''
    gathering = lines !== ''
    if (gathering) {
      setTimeout(pass, GATHER_MS)
      output.write(lines)
    }
  }
  function write(line: string): void {
    gathered += line
    if (!gathering) {
      pass()
    }
  }
  /** Called by pino after a line that is fatal. */
  function flushSync(): void {
    output.write(gathered)
    gathered = ''
    output.flushSync()
  }
  process.on('exit', () => gathered !== '' && flushSync())
  return { write, flushSync }
}
