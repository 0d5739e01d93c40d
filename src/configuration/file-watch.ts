import { stat } from 'node:fs/promises'

/** By path. */
export type FileStates = ReadonlyMap<string, string>

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

  /** The state of those that are watched: to be kept before they are read. */
  look(): Promise<FileStates> {
    return lookAt(this.#files)
  }

  /**
   * Watches these from now on.
   *
   * @param read the state in which they were read; of others it is the one that they are in
   */
  async watch(files: readonly string[], read: FileStates = new Map()): Promise<void> {
    this.#files = files
    const now = await lookAt(files)
    this.#known = describe(new Map(files.map((file) => [file, read.get(file) ?? now.get(file)])))
    this.#last = describe(now)
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
    const now = describe(await lookAt(files))
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

/** What changes with the content of each file; one that is not there counts as well. */
async function lookAt(files: readonly string[]): Promise<FileStates> {
  const found = files.map(async (file) => {
    const state = await stat(file).then(
      ({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(),
      ({ code }: NodeJS.ErrnoException) => `${code}`,
    )
    return [file, state] as const
  })
  return new Map(await Promise.all(found))
}

function describe(states: ReadonlyMap<string, string | undefined>): string {
  return JSON.stringify([...states])
}
