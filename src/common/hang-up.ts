/**
 * SIGHUP: has the signers read anew. It ends a process without a listener for it, and a supervisor may send it to one that
 * is still being loaded: so this is loaded before all else, which takes half a second.
 */
let early = false
let act = () => {
  early = true
}
process.on('SIGHUP', () => act())

/** @param listener called for each from now on, and at once where one came before */
export function onHangUp(listener: () => void): void {
  act = listener
  if (early) {
    listener()
  }
}
