import { readLoginAnswer } from './return-values.ts'

/** So often a token that does not answer may be told a PIN that it has never taken: five wrong ones lock a user. */
const MAX_UNANSWERED = 3
/** So often in a row a token that has taken the PIN before may answer what could mean that it is wrong. */
const MAX_DOUBTS = 2

/** Keeps a PIN that may be wrong from being told again and again. */
export class LoginGuard {
  #accepted = false
  /** In a row; the last of them may still be answered. */
  #unanswered = 0
  #doubts = 0

  /** Whether the PIN must not be told again, now that the process has gone that was to hear the answer. */
  get exhausted(): boolean {
    return !this.#accepted && this.#unanswered >= MAX_UNANSWERED
  }

  /** Whether a PIN that was never accepted was told, and nobody knows yet what the token makes of it. */
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
