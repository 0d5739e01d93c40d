import type { JobQueue } from './job-queue.ts'
import type { ServiceTime } from './service-time.ts'
import type { SigningJob } from './signing-job.ts'

/** The sessions that there are to sign with. */
export interface Capacity {
  /** Sessions that are free. */
  readonly idle: number
  /** Sessions that sign or soon will; 0 where none does and nothing can be foretold. */
  readonly signing: number
}

/** Tells which requests would wait for a session in vain, so that they are refused before their deadline. */
export class Admission {
  readonly #queue: JobQueue
  readonly #limit: number
  readonly #serviceTime: ServiceTime

  /** @param limit requests that may wait */
  constructor(queue: JobQueue, limit: number, serviceTime: ServiceTime) {
    this.#queue = queue
    this.#limit = limit
    this.#serviceTime = serviceTime
  }

  /** Returns whether the queue is full. Jobs that wait to be repeated get free sessions before a new one. */
  isFull({ idle }: Capacity): boolean {
    return this.#queue.length - idle >= this.#limit
  }

  /** Returns whether a request that comes now would have its signature after its deadline (ms of `performance.now()`). */
  isTooLate(deadline: number, capacity: Capacity): boolean {
    const ahead = this.#queue.length
    return ahead >= capacity.idle && this.#isPast(deadline, ahead, capacity)
  }

  /** Returns the waiting jobs whose turn will come too late, as sessions are fewer or slower than they were. */
  tooLate(capacity: Capacity): SigningJob[] {
    const found: SigningJob[] = []
    let ahead = 0
    for (const job of this.#queue.ready()) {
      // A session already works on a hedged job; a job that is late already is refused by its own timer
      const pending = !job.hedged && job.deadline > performance.now()
      if (pending && this.#isPast(job.deadline, ahead, capacity)) {
        found.push(job)
      } else {
        ahead += 1
      }
    }
    return found
  }

  #isPast(deadline: number, ahead: number, { signing }: Capacity): boolean {
    return performance.now() + this.#serviceTime.untilSigned(ahead, signing) > deadline
  }
}
