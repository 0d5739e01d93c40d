/**
 * Loaded into the HTTP process ahead of the service: tells the process that started it how late its event loop is, and
 * collects garbage, when asked over the IPC channel. The signer process does not get it.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { collectGarbage } from '../../support/collect-garbage.ts'

export type WatchOrder = 'watch event loop' | 'tell event loop' | 'collect garbage'

export interface LoopDelay {
  /** ms. */
  readonly p99: number
  readonly max: number
}

const RESOLUTION_MS = 1
const NANOSECONDS = 1e6

let histogram: IntervalHistogram | undefined

// `fork` hands these on
process.execArgv = process.execArgv.filter((argument) => !argument.includes(import.meta.url))
process.on('message', (order: WatchOrder) => process.send?.(obey(order)))
// The service ends when it has nothing left to do
process.channel?.unref()

function obey(order: WatchOrder): LoopDelay | true {
  switch (order) {
    case 'watch event loop':
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
      histogram.enable()
      return true
    case 'tell event loop': {
      histogram?.disable()
      return { p99: delayOf(histogram?.percentile(99)), max: delayOf(histogram?.max) }
    }
    case 'collect garbage':
      collectGarbage()
      return true
  }
}

/** The histogram has the time between two looks, in ns: what is above the resolution is delay, in ms. */
function delayOf(time = 0): number {
  return Math.max(0, time / NANOSECONDS - RESOLUTION_MS)
}
