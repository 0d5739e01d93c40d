/** Holds a secret that only `reveal` shows: neither JSON nor what a log makes of objects has it. */
export class Password {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }
}
