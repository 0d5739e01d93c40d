import type { SigningJob } from './signing-job.ts'

/** Keeps each job that waits for a session once: some may have the next session, others rest before. */
export class JobQueue {
  readonly #ready: SigningJob[] = []
  readonly #resting = new Map<SigningJob, NodeJS.Timeout>()

  get length(): number {
    return this.#ready.length + this.#resting.size
  }

  /** Sorts by deadline, which is the order of arrival: a job that is repeated gets its old place. */
  add(job: SigningJob): void {
    this.#removeTwin(job)
    const earlier = this.#ready.findLastIndex(({ deadline }) => deadline <= job.deadline)
    this.#ready.splice(earlier + 1, 0, job)
  }

  /** Keeps a job for `ms` milliseconds, then calls `then`. */
  rest(job: SigningJob, ms: number, then: () => void): void {
    this.#removeTwin(job)
    const end = () => {
      this.#resting.delete(job)
      then()
    }
    this.#resting.set(job, setTimeout(end, ms))
  }

  /** @returns whether the job was there */
  remove(job: SigningJob): boolean {
    const position = this.#ready.indexOf(job)
    if (position >= 0) {
      this.#ready.splice(position, 1)
      return true
    }
    clearTimeout(this.#resting.get(job))
    return this.#resting.delete(job)
  }

  /** Returns the first jobs that may have the next session, in their order; all unless there is a limit. */
  ready(limit?: number): readonly SigningJob[] {
    return this.#ready.slice(0, limit)
  }

  all(): readonly SigningJob[] {
    return [...this.#ready, ...this.#resting.keys()]
  }

  /** Removes a hedged job, which alone may wait or rest already, since two sessions work on it. */
  #removeTwin(job: SigningJob): void {
    if (job.hedged) {
      this.remove(job)
    }
  }
}
