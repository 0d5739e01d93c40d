/** Collects the results of a check, step by step. */
import { printable } from '../table.ts'
import { ADVICE, type StepName } from './advice.ts'

export interface Step {
  readonly name: StepName
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped'
  /** Result of the step, or why it failed or was skipped. */
  readonly found: string
  /** Advice on a failure or a warning. */
  readonly advice?: string
  /** Measured times, in ms. */
  readonly figures?: Readonly<Record<string, unknown>>
}

export class Report {
  readonly steps: Step[] = []
  readonly #onStep: (step: Step) => void

  /** @param onStep called with each step when it has ended */
  constructor(onStep: (step: Step) => void) {
    this.#onStep = onStep
  }

  passed(name: StepName, found: string, figures?: Step['figures']): void {
    this.#add({ name, status: 'ok', found, ...(figures === undefined ? {} : { figures }) })
  }

  failed(name: StepName, found: string, further: Pick<Step, 'figures' | 'advice'> = {}): void {
    this.#add({ name, status: 'failed', found, advice: ADVICE[name], ...further })
  }

  /** Reports a step that passed with a warning. */
  warned(name: StepName, found: string, advice: string = ADVICE[name]): void {
    this.#add({ name, status: 'warning', found, advice })
  }

  /** Reports those of the steps as skipped that have not been reported. */
  skip(names: readonly StepName[], why: string): void {
    for (const name of names.filter((one) => !this.has(one))) {
      this.#add({ name, status: 'skipped', found: why })
    }
  }

  has(name: StepName): boolean {
    return this.steps.some((step) => step.name === name)
  }

  failures(): StepName[] {
    return this.steps.filter(({ status }) => status === 'failed').map(({ name }) => name)
  }

  #add(step: Step): void {
    this.steps.push(step)
    this.#onStep(step)
  }
}

const INDENT = ' '.repeat(31)

/** Formats a step as one line, and its advice as another. */
export function formatStep({ name, status, found, advice }: Step): string {
  const line = `${status.padEnd(9)}${name.padEnd(22)}${printable(found)}\n`
  return advice === undefined ? line : `${line}${INDENT}-> ${advice}\n`
}
