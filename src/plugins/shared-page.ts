import { performance } from 'node:perf_hooks'

/** Time for which none is made after a page, as a multiple of what that has taken. */
const REST = 4
/** Longest such time, in ms: a page may have taken long because the whole process stood still. */
const MAX_REST_MS = 500

/**
 * Returns a function that makes a page after it was called, for all who have called it since the last one was begun. Making
 * pages takes a fifth of the time at most, one after another, however many ask for them on how many connections.
 */
export function sharePage<T>(make: () => T | Promise<T>): () => Promise<T> {
  /** The page that is made next; undefined if nobody has asked for it. */
  let next: Promise<T> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let restsUntil = 0

  async function makeNext(): Promise<T> {
    await last.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, restsUntil - performance.now())))
    next = undefined
    const begun = performance.now()
    try {
      return await make()
    } finally {
      const ended = performance.now()
      restsUntil = ended + Math.min(REST * (ended - begun), MAX_REST_MS)
    }
  }

  return () => {
    if (next === undefined) {
      next = makeNext()
      last = next
    }
    return next
  }
}
