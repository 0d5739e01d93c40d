/**
 * Does work within a limited time. The work gets a signal, which aborts when the time is over.
 *
 * @param ms time limit, in ms
 * @param late error that is thrown after it
 * @param signal ends the work early; its reason is thrown
 */
export async function withTimeout<T>(
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
