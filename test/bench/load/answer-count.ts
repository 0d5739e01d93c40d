import { type Answers, RIGHT } from '../figures.ts'

/** Counts answers by what they were. */
export class AnswerCount {
  readonly #counts: Record<string, number> = {}

  add(outcome: string, count = 1): void {
    this.#counts[outcome] = (this.#counts[outcome] ?? 0) + count
  }

  get all(): Answers {
    return { ...this.#counts }
  }
}

/** `right` where the answer is the expected one octet for octet, else what it was. */
export function outcomeOf(statusCode: number, body: Buffer, expected: Uint8Array): string {
  if (statusCode === 200) {
    return body.equals(expected) ? RIGHT : 'wrong answer'
  }
  try {
    return `${statusCode} ${JSON.parse(body.toString()).code}`
  } catch {
    return `${statusCode} without a code`
  }
}
