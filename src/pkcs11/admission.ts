import type { JobQueue } from './job-queue.ts'
import type { ServiceTime } from './service-time.ts'
import type { SigningJob } from './signing-job.ts'

/** What there is to sign with. */
export interface Capacity {
  /** Sessions that are free. */
  readonly idle: number
  /** Sessions that sign or soon will; 0 where none does, and nothing can be told. */
  readonly signing: number
}

/** Who may wait for a session: told at once, or as soon as it is clear, rather than at the deadline. */
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

  /** Free sessions are for those that wait to be repeated first. */
  isFull({ idle }: Capacity): boolean {
    return this.#queue.length - idle >= this.#limit
  }

  /** Whether a request that comes now would have its signature after its deadline (ms of `performance.now()`). */
  isTooLate(deadline: number, capacity: Capacity): boolean {
    const ahead = this.#queue.length
    return ahead >= capacity.idle && this.#isPast(deadline, ahead, capacity)
  }

  /** Those that wait and will not have their turn in time, as sessions are fewer or slower than they were. */
  tooLate(capacity: Capacity): SigningJob[] {
    const found: SigningJob[] = []
    let ahead = 0
    for (const job of this.#queue.ready()) {
      // A session works already on one that is there again; what is late already is told so by its deadline
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
