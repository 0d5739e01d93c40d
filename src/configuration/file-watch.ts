import { stat } from 'node:fs/promises'

/**
 * Looks at files again and again. By their status, not by events of the file system: those do not come from network
 * file systems, nor from the symbolic links by which Kubernetes exchanges the content of a volume.
 */
export class FileWatch {
  readonly #intervalMs: number
  readonly #onChange: () => void
  #files: readonly string[] = []
  #known = ''
  #last = ''
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

  /** Watches these from now on, in the state that they are in. */
  async watch(files: readonly string[]): Promise<void> {
    this.#files = files
    this.#known = await describe(files)
    this.#last = this.#known
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#intervalMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    const files = this.#files
    const now = await describe(files)
    if (files === this.#files) {
      if (now !== this.#known && now === this.#last) {
        this.#known = now
        this.#onChange()
      }
      this.#last = now
    }
    if (this.#timer !== undefined) {
      this.start()
    }
  }
}

/** What changes with the content of the files; one that is not there counts as well. */
async function describe(files: readonly string[]): Promise<string> {
  const found = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(),
        ({ code }: NodeJS.ErrnoException) => code,
      ),
    ),
  )
  return JSON.stringify(found)
}
