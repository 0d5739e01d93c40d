/**
 * Keeps debuggers out of this process. Without a listener for SIGUSR1, Node.js answers that signal by opening the
 * debugger, which could read the PIN and sign anything. Entry points load this module before anything else.
 */
import inspector from 'node:inspector'

/**
 * Node.js opens the debugger in an interrupt and again in the next turn of the event loop. If a signal came before this
 * module was loaded, the debugger is closed again in each of 10 turns, at least 100 ms apart.
 */
const TURNS = 10
const TURN_MS = 100
/** True if the process was started with a flag that asks for the debugger. */
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
