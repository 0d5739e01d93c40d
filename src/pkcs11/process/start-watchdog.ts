import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { WatchdogData } from './watchdog.ts'

const WATCHDOG = new URL(`./watchdog${extname(import.meta.filename)}`, import.meta.url)

/**
 * Has this process ended when its parent has gone, whatever its main thread hangs in.
 *
 * @param parent its process id
 * @param closeMs milliseconds that this process has to end by itself
 */
export function startWatchdog(parent: number, closeMs: number): void {
  const workerData: WatchdogData = { parent, pid: process.pid, closeMs }
  // None of the process's flags are for it. It needs a few MB: V8 is to collect what its timer leaves, instead of growing by the default limits
  const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 }
  new Worker(WATCHDOG, { workerData, resourceLimits, execArgv: [] }).unref()
}
