/** A password that was not in a file. It is shown by `reveal` alone: neither by JSON, nor by what a log makes of objects. */
export class Password {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }
}
