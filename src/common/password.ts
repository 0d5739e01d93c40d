/** Holds a secret that only `reveal` returns, so that neither JSON nor a logged object shows it. */
export class Password {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }
}
