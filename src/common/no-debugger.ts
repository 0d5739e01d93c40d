/**
 * Keeps debuggers out of this process. Without a listener for SIGUSR1 Node.js answers that signal by listening for them, and
 * a debugger reads the PIN and signs what it likes. Entry points load this module before anything else.
 */
import inspector from 'node:inspector'

/**
 * Node.js opens the debugger by an interrupt and once more in the next turn of the event loop: what a signal opens that came
 * before this module is closed within that many turns, at least this long apart.
 */
const TURNS = 10
const TURN_MS = 100
/** Whoever starts the process with such a flag wants the debugger. */
const wanted = [...process.execArgv, String(process.env.NODE_OPTIONS)].some((flags) =>
  /--inspect(?:-brk|-wait)?(?![-\w])/.test(flags),
)

process.on('SIGUSR1', () => {})
if (!wanted) {
  closeDebugger(TURNS)
}

function closeDebugger(turns: number): void {
  if (inspector.url() !== undefined) {
    inspector.close()
  }
  if (turns > 0) {
    setTimeout(closeDebugger, TURN_MS, turns - 1).unref()
  }
}
