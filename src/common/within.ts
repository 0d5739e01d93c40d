/**
 * Does work that has so much time, and is told by a signal when that is over.
 *
 * @param ms milliseconds
 * @param late what is thrown after them
 * @param signal whose reason is thrown as soon as it aborts
 */
export async function within<T>(
  ms: number,
  late: Error,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(late), ms)
  const leave = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', leave)
  try {
    const ended = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason))
    })
    // A request that waits for a free connection does not listen to its signal
    return await Promise.race([ended, work(controller.signal)])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', leave)
  }
}
