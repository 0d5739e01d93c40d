/** So often a token that does not answer may be told a PIN that it has never taken: five wrong ones lock a user. */
const MAX_UNANSWERED = 3

/** Keeps a PIN that may be wrong from being told again and again, where nobody learns what the token makes of it. */
export class LoginGuard {
  #accepted = false
  /** In a row; the last of them may still be answered. */
  #unanswered = 0

  /** Whether the PIN must not be told again, now that the process has gone that was to hear the answer. */
  get exhausted(): boolean {
    return !this.#accepted && this.#unanswered >= MAX_UNANSWERED
  }

  begun(): void {
    this.#unanswered += 1
  }

  answered(returnValue: string): void {
    this.#unanswered = 0
    this.#accepted ||= returnValue === 'CKR_OK'
  }
}
