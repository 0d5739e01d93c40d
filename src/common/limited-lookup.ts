import { lookup as lookupOfSystem } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** Threads of libuv's pool; at most half of them look up names at the same time. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE ?? 4) || 4

/** Most lookups under way, which is half of those that libuv allows. */
const MOST = Math.max(1, Math.floor(THREADS / 4))

type Callback = Parameters<LookupFunction>[2]

/**
 * Limits the lookups of names for what is asked in the background. A lookup of the system has no end of its own: where no name server
 * answers it keeps a thread for tens of seconds after the request has been given up, and those that a signature needs would wait.
 * A name that is looked up already is not looked up again meanwhile.
 *
 * @param most lookups under way
 */
export function limitLookups(lookup = lookupOfSystem as LookupFunction, most = MOST): LookupFunction {
  /** Callbacks of names that are looked up, or wait for that, in the order in which they came. */
  const waiting = new Map<string, Callback[]>()
  const begin: (() => void)[] = []
  let running = 0
  const next = () => {
    if (running < most) {
      begin.shift()?.()
    }
  }
  return (hostname, options, callback) => {
    const name = JSON.stringify([hostname, options.family, options.hints, options.all])
    const callbacks = waiting.get(name)
    if (callbacks !== undefined) {
      callbacks.push(callback)
      return
    }
    waiting.set(name, [callback])
    begin.push(() => {
      running += 1
      lookup(hostname, options, (...found) => {
        running -= 1
        const told = waiting.get(name) ?? []
        waiting.delete(name)
        next()
        for (const one of told) {
          one(...found)
        }
      })
    })
    next()
  }
}
