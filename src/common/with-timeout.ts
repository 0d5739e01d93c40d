/**
 * Does work within a limited time. The work gets a signal, which aborts when the time is over, and a function that has the whole
 * time begin anew when a promise has resolved: until then it is for others that the work waits.
 *
 * @param ms time limit, in ms
 * @param late error that is thrown after it
 * @param signal ends the work early; its reason is thrown
 */
export async function withTimeout<T>(
  ms: number,
  late: Error,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal, pauseFor: (others: Promise<void>) => Promise<void>) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const start = () => setTimeout(() => controller.abort(late), ms)
  let timer: NodeJS.Timeout | undefined = start()
  let isOver = false
  const pauseFor = async (others: Promise<void>) => {
    clearTimeout(timer)
    await others
    timer = isOver ? undefined : start()
  }
  const leave = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', leave)
  try {
    const ended = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason))
    })
    // A request that waits for a free connection does not listen to its signal
    return await Promise.race([ended, work(controller.signal, pauseFor)])
  } finally {
    isOver = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', leave)
  }
}
