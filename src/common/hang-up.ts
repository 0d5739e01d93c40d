/**
 * Listens for SIGHUP, which reloads the signers. The signal ends a process without a listener, and a supervisor may
 * send it while the service is loaded, which takes half a second: so entry points load this module first.
 */
let early = false
let act = () => {
  early = true
}
process.on('SIGHUP', () => act())

/** Calls the listener for each SIGHUP from now on, and at once if one came before. */
export function onHangUp(listener: () => void): void {
  act = listener
  if (early) {
    listener()
  }
}
