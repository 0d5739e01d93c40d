/** Bounds how fast refused requests fill the disk, since anybody who reaches the service can cause them in any number. */
import { defined } from '../common/defined.ts'
import type { NewRecord } from './chain.ts'

/** Most refusals of one caller that have records of their own in a second. */
const MAX_RECORDS = 50
/** Most of all callers who are not known: some half a gigabyte a day, and nothing is signed when the disk is full. */
const MAX_OF_STRANGERS = 10
const INTERVAL_MS = 1_000
/** Most callers that are told apart in a second; a token's issuer can make up any number. */
const MAX_SUBJECTS = 1_000

interface Refusals {
  admitted: number
  readonly codes: Map<string, number>
}

export class RefusalLimit {
  readonly #record: (record: NewRecord) => void
  /** Keyed by the caller; those who are not known are one. */
  readonly #bySubject = new Map<string | undefined, Refusals>()

  /** @param record called with the refusals that had no record of their own, once a second */
  constructor(record: (record: NewRecord) => void) {
    this.#record = record
  }

  /** Counts a refusal, and returns whether it has a record of its own. */
  admits(subject: string | undefined, code: string): boolean {
    const key = this.#bySubject.has(subject) || this.#bySubject.size < MAX_SUBJECTS ? subject : undefined
    const refusals = this.#bySubject.get(key) ?? { admitted: 0, codes: new Map<string, number>() }
    if (!this.#bySubject.has(key)) {
      this.#bySubject.set(key, refusals)
      setTimeout(() => this.#end(key), INTERVAL_MS).unref()
    }
    if (refusals.admitted < (key === undefined ? MAX_OF_STRANGERS : MAX_RECORDS)) {
      refusals.admitted += 1
      return true
    }
    refusals.codes.set(code, (refusals.codes.get(code) ?? 0) + 1)
    return false
  }

  /** Records the refusals that had no record so far; called at the end of the service. */
  flush(): void {
    for (const subject of this.#bySubject.keys()) {
      this.#end(subject)
    }
  }

  #end(subject: string | undefined): void {
    const codes = this.#bySubject.get(subject)?.codes ?? new Map<string, number>()
    this.#bySubject.delete(subject)
    if (codes.size > 0) {
      const count = [...codes.values()].reduce((sum, each) => sum + each, 0)
      this.#record({ kind: 'refusals', ...defined({ subject }), count, codes: Object.fromEntries(codes) })
    }
  }
}
