/**
 * Resolves with the number of the signal when the demo is to end.
 *
 * npm passes SIGTERM to the shell that it runs scripts with; the shell dies of it and tells nobody. So the end of that
 * shell counts as a hang-up.
 */
export function endSignal(): Promise<number> {
  return new Promise((resolve) => {
    // The listeners stay: on Ctrl-C npm passes on the signal that the terminal has sent already, and the second one
    // must not end the demo before the server has ended.
    process.on('SIGINT', () => resolve(2))
    process.on('SIGTERM', () => resolve(15))
    process.on('SIGHUP', () => resolve(1))
    if (process.env.npm_lifecycle_event === undefined) return
    const parent = process.ppid
    setInterval(() => {
      if (process.ppid !== parent) resolve(1)
    }, 250).unref()
  })
}
