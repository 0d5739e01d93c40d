import type { Job } from './job.ts'

/** What was accepted and not answered: it waits, is in flight, or waits to be repeated. */
export class UnsettledJobs {
  readonly #jobs = new Set<Job>()
  #onDrained: (() => void) | undefined

  add(job: Job): void {
    this.#jobs.add(job)
  }

  delete(job: Job): void {
    this.#jobs.delete(job)
    if (this.#jobs.size === 0) {
      this.#onDrained?.()
    }
  }

  /** Resolves when there is none, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    if (this.#jobs.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#onDrained = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}
