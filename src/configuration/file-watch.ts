import { stat } from 'node:fs/promises'

/** What changes with the content of a file, by its path; one that is not there counts as well. */
type Looks = ReadonlyMap<string, string>

/**
 * Looks at files again and again. By their status, not by events of the file system: those do not come from network
 * file systems, nor from the symbolic links by which Kubernetes exchanges the content of a volume.
 */
export class FileWatch {
  readonly #intervalMs: number
  readonly #onChange: () => void
  #files: readonly string[] = []
  #known: Looks = new Map()
  #last: Looks = new Map()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param intervalMs between looks
   * @param onChange called when something has changed, and then nothing for a whole interval: what is being written is
   *   not read
   */
  constructor(intervalMs: number, onChange: () => void) {
    this.#intervalMs = intervalMs
    this.#onChange = onChange
  }

  /** Takes the files as they are now for known: to be called before they are read. */
  async look(): Promise<void> {
    // A look that is under way does not count any more
    this.#files = [...this.#files]
    this.#known = await describe(this.#files)
    this.#last = this.#known
  }

  /** Watches these from now on: those that were watched before in the state that is known, others in that of now. */
  async watch(files: readonly string[]): Promise<void> {
    this.#files = files
    const now = await describe(files)
    this.#known = new Map([...now].map(([file, look]) => [file, this.#known.get(file) ?? look]))
    this.#last = now
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#lookAgain(), this.#intervalMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #lookAgain(): Promise<void> {
    const files = this.#files
    const now = await describe(files)
    if (files === this.#files) {
      const changed = !areEqual(now, this.#known) && areEqual(now, this.#last)
      this.#last = now
      if (changed) {
        this.#known = now
        this.#onChange()
      }
    }
    if (this.#timer !== undefined) {
      this.start()
    }
  }
}

async function describe(files: readonly string[]): Promise<Looks> {
  const looks = files.map(async (file): Promise<[string, string]> => {
    const found = await stat(file).then(
      ({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(),
      ({ code }: NodeJS.ErrnoException) => `${code}`,
    )
    return [file, found]
  })
  return new Map(await Promise.all(looks))
}

function areEqual(one: Looks, other: Looks): boolean {
  return one.size === other.size && [...one].every(([file, look]) => other.get(file) === look)
}
