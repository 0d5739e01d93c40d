import type { Socket } from 'node:net'
import { freeBuffer } from '../common/free-buffer.ts'
import { EventLoopTurns } from '../requests/event-loop-turns.ts'

/** The turns of all connections whose rest is discarded. */
const TURNS = new EventLoopTurns()

/**
 * Reads what a connection still brings, and discards it, so that a client who has not finished sending gets to read its answer. In
 * one turn of the event loop Node.js would read up to 2 MB of each connection, which takes seconds for hundreds of them.
 */
export function discardRest(socket: Socket): void {
  let discarded = 0
  const goOn = () => socket.resume()
  function discard(chunk: Buffer): void {
    discarded += chunk.length
    if (TURNS.count(chunk.length)) {
      socket.pause()
      TURNS.wait(goOn, discarded)
    }
    freeBuffer(chunk)
  }
  // A listener for `data` takes the socket away from the HTTP parser, which has to start reading before, as it may have stopped
  socket
    .removeAllListeners('data')
    .pause()
    .once('resume', () => socket.on('data', discard))
    .once('close', () => TURNS.forget(goOn))
  // A refused body may still be about to pause it in this turn
  setImmediate(goOn)
}

/** Closes a connection in a while, unless that happens before: a timer would keep what was read of a closed one in memory. */
export function destroyLater(socket: Socket, delayMs: number): void {
  const timer = setTimeout(() => socket.destroy(), delayMs).unref()
  socket.once('close', () => clearTimeout(timer))
}
