import { performance } from 'node:perf_hooks'
import { removeFrom } from '../common/remove-from.ts'

/** Bytes of bodies that are read in one turn of the event loop; all algorithms together hash them in 2 ms or less. */
const BYTES_OF_A_TURN = 262_144

/** Callbacks that begin in one turn, which take about as long. */
const CALLBACKS_OF_A_TURN = 16
/** Cost of beginning a callback, as the number of bytes that are hashed in the same time. */
const CALLBACK_COST = BYTES_OF_A_TURN / CALLBACKS_OF_A_TURN
/** Time after which none of them begins, in ms: what a caller has chosen, such as a long address, may take longer than others. */
const LATEST_MS = 2

/** A function that goes on with a body or an answer in a later turn. */
interface Waiting {
  readonly goOn: () => void
  /** Bytes that were read of the body, or sent of the answer. */
  readonly done: number
}

/**
 * Limits the time that work takes of one turn of the event loop to some 2 ms; the rest waits for later turns. Node
 * accepts one connection a turn, so that a new one behind a hundred others waits for as many turns. In between, sessions
 * get their jobs.
 */
export class EventLoopTurns {
  readonly #waiting: Waiting[] = []
  readonly #callbacks: (() => void)[] = []
  /** Bytes that were read in this turn, and in turns before it that read few. */
  #read = 0
  #isEnding = false

  /**
   * Counts bytes that are read in this turn.
   *
   * @returns true if this turn has no time left for more
   */
  count(bytes: number): boolean {
    this.#read += bytes
    // Ending a turn delays the event loop, which requests with small bodies need not pay for
    if (this.#read >= BYTES_OF_A_TURN / 2) {
      this.#endTurn()
    }
    return this.#read >= BYTES_OF_A_TURN
  }

  /**
   * Calls `goOn` in a later turn. That of which least is done goes first, so that a body waits for no more of another one than it
   * has brought itself, however many there are without end; of equal ones that which waits longest.
   *
   * @param done bytes of the body, or of the answer, that were read, or sent
   */
  wait(goOn: () => void, done: number): void {
    this.#waiting.push({ goOn, done })
    this.#endTurn()
  }

  /** Begins a callback at once if this turn has time for it and none waits, or else in a later turn, with 15 others at most. */
  begin(callback: () => void): void {
    if (this.#callbacks.length > 0 || this.#read >= BYTES_OF_A_TURN) {
      this.#callbacks.push(callback)
      this.#endTurn()
    } else {
      this.count(CALLBACK_COST)
      callback()
    }
  }

  /**
   * Takes away what waits for its turn, since nobody needs it any more. A client who sends many requests and leaves, again
   * and again, would otherwise have all others wait behind those that he has left.
   */
  forget(waiting: () => void): void {
    removeFrom(
      this.#waiting,
      this.#waiting.find(({ goOn }) => goOn === waiting),
    )
    removeFrom(this.#callbacks, waiting)
  }

  #endTurn(): void {
    if (!this.#isEnding) {
      this.#isEnding = true
      setImmediate(this.#next)
    }
  }

  readonly #next = (): void => {
    this.#isEnding = false
    this.#read = 0
    this.#takeShortest()?.()
    const now = Math.min(this.#callbacks.length, CALLBACKS_OF_A_TURN)
    this.#read += now * CALLBACK_COST
    const latest = performance.now() + LATEST_MS
    for (let count = 0; count < now; count++) {
      // Each begins by itself, so that its promises settle before the next one
      setImmediate(() => {
        if (count === 0 || performance.now() < latest) {
          this.#callbacks.shift()?.()
        }
      })
    }
    if (this.#waiting.length > 0 || now > 0) {
      this.#endTurn()
    }
  }

  #takeShortest(): (() => void) | undefined {
    const shortest = this.#waiting.reduce<Waiting | undefined>(
      (one, other) => (one === undefined || other.done < one.done ? other : one),
      undefined,
    )
    removeFrom(this.#waiting, shortest)
    return shortest?.goOn
  }
}
