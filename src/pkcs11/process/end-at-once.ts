/**
 * For what nobody has caught. Not by process.exit, as Node does it, which waits for all threads: those of sessions wait
 * for orders.
 */
export function endAtOnce(
  error: unknown,
  _origin?: unknown,
  kill: (pid: number, signal: 'SIGKILL') => void = process.kill,
): void {
  console.error(error)
  kill(process.pid, 'SIGKILL')
}
