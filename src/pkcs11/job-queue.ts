import type { SigningJob } from './signing-job.ts'

/** The requests that wait for a session, each once: those that may have the next one, and those that rest until then. */
export class JobQueue {
  readonly #ready: SigningJob[] = []
  readonly #resting = new Map<SigningJob, NodeJS.Timeout>()

  get length(): number {
    return this.#ready.length + this.#resting.size
  }

  /** Sorted by deadline, which is the order of arrival: what is repeated has its old place. */
  add(job: SigningJob): void {
    this.#removeTwin(job)
    const earlier = this.#ready.findLastIndex(({ deadline }) => deadline <= job.deadline)
    this.#ready.splice(earlier + 1, 0, job)
  }

  /** Keeps it for that many milliseconds, then hands it out to `then`. */
  rest(job: SigningJob, ms: number, then: () => void): void {
    this.#removeTwin(job)
    const end = () => {
      this.#resting.delete(job)
      then()
    }
    this.#resting.set(job, setTimeout(end, ms))
  }

  /** @returns whether it was there */
  remove(job: SigningJob): boolean {
    const position = this.#ready.indexOf(job)
    if (position >= 0) {
      this.#ready.splice(position, 1)
      return true
    }
    clearTimeout(this.#resting.get(job))
    return this.#resting.delete(job)
  }

  /** The first of those that may have the next session, in their order; all unless there is a limit. */
  ready(limit?: number): readonly SigningJob[] {
    return this.#ready.slice(0, limit)
  }

  all(): readonly SigningJob[] {
    return [...this.#ready, ...this.#resting.keys()]
  }

  /** Only a hedged one, which two sessions work on, may wait or rest already. */
  #removeTwin(job: SigningJob): void {
    if (job.hedged) {
      this.remove(job)
    }
  }
}
