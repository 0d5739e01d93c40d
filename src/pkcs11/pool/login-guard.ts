import { readLoginAnswer } from '../return-values.ts'

/** A token that does not answer may be told a PIN that it never accepted so often: five wrong PINs lock a user. */
const MAX_UNANSWERED = 3
/** A token that accepted the PIN before may give so many doubtful answers in a row. */
const MAX_DOUBTS = 2

/** Keeps a PIN that may be wrong from being told again and again. */
export class LoginGuard {
  #accepted = false
  /** Logins without an answer in a row; the last one may still be answered. */
  #unanswered = 0
  #doubts = 0

  /** Returns whether the PIN must not be told again, once the process that was to hear the answer has gone. */
  get exhausted(): boolean {
    return !this.#accepted && this.#unanswered >= MAX_UNANSWERED
  }

  /** Returns whether a PIN that was never accepted was told, and nobody knows yet what the token makes of it. */
  get pending(): boolean {
    return !this.#accepted && this.#unanswered > 0
  }

  begun(): void {
    this.#unanswered += 1
  }

  /** @returns whether the PIN may be told again */
  answered(returnValue: string): boolean {
    this.#unanswered = 0
    switch (readLoginAnswer(returnValue)) {
      case 'accepted':
        this.#accepted = true
        this.#doubts = 0
        return true
      case 'not-judged':
        return true
      case 'refused':
        return false
      case 'doubtful':
        this.#doubts += 1
        return this.#accepted && this.#doubts <= MAX_DOUBTS
    }
  }
}
