import { Counter, type Registry } from 'prom-client'
import { LabelValues } from './label-values.ts'

export interface ReasonCounterOptions {
  readonly registry: Registry
  readonly name: string
  readonly help: string
  readonly label: string
  /** Known values, which start at 0: a rate over a series that appears with 1 misses the first event. */
  readonly values: readonly string[]
}

/** Counts events by one label, whose values are limited. */
export class ReasonCounter {
  readonly #counter: Counter
  readonly #label: string
  readonly #values: LabelValues

  constructor({ registry, name, help, label, values }: ReasonCounterOptions) {
    this.#counter = new Counter({ name, help, labelNames: [label], registers: [registry] })
    this.#label = label
    this.#values = new LabelValues(values)
    for (const word of values) {
      this.#counter.inc({ [label]: word }, 0)
    }
  }

  count(reason: string): void {
    this.#counter.inc({ [this.#label]: this.#values.bound(reason) })
  }
}
