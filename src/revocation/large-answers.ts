/** Bytes after each of which an answer asks whether it may go on. */
export const PART_BYTES = 256_000

/** Parts that are kept of all answers together, beside the first part of each, and what is kept of the foremost one. */
const MOST = 80
/** Parts of these that are from one host, so that others have room beside those that are slow. */
const MOST_OF_HOST = MOST / 4

/** The parts of one answer. */
export interface Parts {
  /** Resolves when the next part may be read. It is not called for the first one. */
  readonly next: () => Promise<void>
  /** Returns whether others that wait could go on if this answer ended. */
  readonly doOthersWait: () => boolean
  /** Called when the answer is no longer needed, also if it still waits. */
  readonly end: () => void
}

interface Reader {
  readonly host: string
  /** Parts that it may have beside the first; 0 for the foremost answer, of which none counts. */
  parts: number
  /** Lets it have the next part, for which it waits. */
  goOn?: (() => void) | undefined
}

/**
 * Bounds what is kept of large answers while they are read and checked: all together would fill the memory. One of them, the
 * foremost, may always go on, and the others as long as there is room. It is one of another host each time, so that one that is
 * slow does not keep what others send from being read.
 */
export class LargeAnswers {
  /** In the order in which they came, but for those of a host whose answer was the foremost since. */
  readonly #readers = new Set<Reader>()
  #foremost: Reader | undefined
  /** Parts of all but the foremost, and of those of each host. */
  #parts = 0
  readonly #partsOfHosts = new Map<string, number>()

  createParts(host: string): Parts {
    const reader: Reader = { host, parts: 0 }
    return {
      next: () =>
        new Promise((resolve) => {
          reader.goOn = resolve
          this.#readers.add(reader)
          this.#letSomeGoOn()
        }),
      doOthersWait: () =>
        this.#waiting().some(
          (one) => reader === this.#foremost || reader.host === one.host || !this.#isHostFull(one.host),
        ),
      end: () => {
        if (!this.#readers.delete(reader)) {
          return
        }
        this.#count(reader, -reader.parts)
        if (this.#foremost === reader) {
          this.#foremost = undefined
          this.#putLast(host)
        }
        this.#letSomeGoOn()
      },
    }
  }

  #letSomeGoOn(): void {
    for (const reader of this.#waiting()) {
      if (this.#foremost === undefined) {
        this.#foremost = reader
        this.#count(reader, -reader.parts)
      }
      if (reader === this.#foremost) {
        goOn(reader)
      } else if (this.#hasRoom(reader.host)) {
        this.#count(reader, 1)
        goOn(reader)
      }
    }
  }

  #waiting(): Reader[] {
    return [...this.#readers].filter(({ goOn }) => goOn !== undefined)
  }

  #hasRoom(host: string): boolean {
    return this.#parts < MOST && !this.#isHostFull(host)
  }

  #isHostFull(host: string): boolean {
    return (this.#partsOfHosts.get(host) ?? 0) >= MOST_OF_HOST
  }

  #count(reader: Reader, change: number): void {
    const { host } = reader
    const ofHost = (this.#partsOfHosts.get(host) ?? 0) + change
    reader.parts += change
    this.#parts += change
    this.#partsOfHosts.set(host, ofHost)
    if (ofHost === 0) {
      this.#partsOfHosts.delete(host)
    }
  }

  #putLast(host: string): void {
    for (const reader of [...this.#readers].filter((one) => one.host === host)) {
      this.#readers.delete(reader)
      this.#readers.add(reader)
    }
  }
}

function goOn(reader: Reader): void {
  reader.goOn?.()
  reader.goOn = undefined
}
