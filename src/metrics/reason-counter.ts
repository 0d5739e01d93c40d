import { Counter, type Registry } from 'prom-client'
import { Reasons } from './reasons.ts'

export interface ReasonCounterOptions {
  readonly registry: Registry
  readonly name: string
  readonly help: string
  readonly label: string
  /** Values that are known beforehand. They are there from the start: a rate over what appears with 1 misses it. */
  readonly words: readonly string[]
}

/** A counter with one label that says why. */
export class ReasonCounter {
  readonly #counter: Counter
  readonly #label: string
  readonly #reasons: Reasons

  constructor({ registry, name, help, label, words }: ReasonCounterOptions) {
    this.#counter = new Counter({ name, help, labelNames: [label], registers: [registry] })
    this.#label = label
    this.#reasons = new Reasons(words)
    for (const word of words) {
      this.#counter.inc({ [label]: word }, 0)
    }
  }

  count(reason: string): void {
    this.#counter.inc({ [this.#label]: this.#reasons.bound(reason) })
  }
}
