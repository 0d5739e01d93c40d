/**
 * Does work within a limited time. The work gets a signal, which aborts when the time is over, and a function that stops the time
 * until a promise has resolved: until then it is for others that the work waits.
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
  let left = ms
  let timer: NodeJS.Timeout | undefined
  let since = 0
  const start = () => {
    since = performance.now()
    timer = setTimeout(() => controller.abort(late), left)
  }
  start()
  let isOver = false
  const pauseFor = async (others: Promise<void>) => {
    clearTimeout(timer)
    left -= performance.now() - since
    await others
    if (!isOver) {
      start()
    }
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
