/**
 * Garbage collection at a signal: memory that has not been collected yet rises by tens of megabytes in ten thousand
 * requests, whether anything leaks or not.
 */
import { setTimeout as delay } from 'node:timers/promises'

/** In each thread; the signal reaches the main one. */
const PRELOADED = `
  import { setFlagsFromString } from 'node:v8'
  import { runInNewContext } from 'node:vm'
  import { BroadcastChannel, isMainThread } from 'node:worker_threads'
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const channel = new BroadcastChannel('collect-garbage')
  channel.onmessage = () => collect()
  channel.unref()
  if (isMainThread) {
    process.on('SIGWINCH', () => {
      channel.postMessage(undefined)
      collect()
    })
  }`

/** NODE_OPTIONS for a service whose processes collect garbage when they are told to. */
export const COLLECTS_GARBAGE = `--import=data:text/javascript,${encodeURIComponent(PRELOADED)}`

/** How long a collection, and giving memory back to the system, may take. */
const COLLECT_MS = 500

/** For processes that were started with `COLLECTS_GARBAGE`; others ignore the signal. */
export async function collectGarbage(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    process.kill(pid, 'SIGWINCH')
  }
  await delay(COLLECT_MS)
}
