/**
 * Ends the signer process when its parent has gone and its main thread does not see that: one that hangs in a PKCS#11
 * call, such as a login that never returns, reads no message and no 'disconnect'. So this is a thread beside it.
 */
import { workerData } from 'node:worker_threads'

export interface WatchdogData {
  /** The HTTP process: who adopts an orphan differs, and process 1 may be the parent itself in a container. */
  readonly parent: number
  /** The process that is ended. */
  readonly pid: number
  /** Milliseconds that it has to end by itself. */
  readonly closeMs: number
}

const INTERVAL_MS = 1_000

const { parent, pid, closeMs } = workerData as WatchdogData

const watching = setInterval(() => {
  if (process.ppid !== parent) {
    clearInterval(watching)
    setTimeout(process.kill, closeMs, pid, 'SIGKILL')
  }
}, INTERVAL_MS)
