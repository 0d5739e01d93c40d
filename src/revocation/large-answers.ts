/** Most large answers that are read at the same time. Each may have 20 MB. */
const MOST = 2

/** The place of one answer among others. */
export interface Turn {
  /** Resolves when the rest of a large answer may be read. */
  readonly wait: () => Promise<void>
  /** Returns whether others wait for the place of this one. */
  readonly doOthersWait: () => boolean
  /** Called when the answer is no longer needed, large or not, also if it still waits. */
  readonly end: () => void
}

interface Reader {
  readonly host: string
  readonly begin: () => void
}

/**
 * Lets large answers be read, and checked, two at a time: all together would fill the memory. They come from two hosts, in turn,
 * so that one that is slow does not keep what another one sends from being read.
 */
export class LargeAnswers {
  readonly #reading = new Set<Reader>()
  /** Those that wait, in the order in which they came, but for those of a host that has had its turn since. */
  readonly #waiting = new Set<Reader>()

  createTurn(host: string): Turn {
    let reader: Reader | undefined
    return {
      wait: () =>
        new Promise((resolve) => {
          reader = { host, begin: resolve }
          this.#waiting.add(reader)
          this.#beginSome()
        }),
      doOthersWait: () => [...this.#waiting].some((one) => one.host === host || !this.#isBusy(one.host)),
      end: () => {
        if (reader !== undefined) {
          this.#waiting.delete(reader)
          if (this.#reading.delete(reader)) {
            this.#putLast(host)
          }
          this.#beginSome()
        }
      },
    }
  }

  #beginSome(): void {
    for (const reader of this.#waiting) {
      if (this.#reading.size < MOST && !this.#isBusy(reader.host)) {
        this.#waiting.delete(reader)
        this.#reading.add(reader)
        reader.begin()
      }
    }
  }

  #isBusy(host: string): boolean {
    return [...this.#reading].some((reader) => reader.host === host)
  }

  #putLast(host: string): void {
    for (const reader of [...this.#waiting].filter((one) => one.host === host)) {
      this.#waiting.delete(reader)
      this.#waiting.add(reader)
    }
  }
}
