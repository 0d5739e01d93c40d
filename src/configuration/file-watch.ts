import { lookAtFile } from '../common/file-version.ts'

/** Status of each file, keyed by path, which changes with its content. A missing file has a status too. */
export type Statuses = ReadonlyMap<string, string>

/**
 * Polls the status of files. Events of the file system would not come from network file systems, nor from the symbolic
 * links by which Kubernetes exchanges the content of a volume.
 */
export class FileWatch {
  readonly #intervalMs: number
  readonly #onChange: () => void
  #files: readonly string[] = []
  #known: Statuses = new Map()
  #last: Statuses = new Map()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param intervalMs interval between polls, in ms
   * @param onChange called once files have changed and then stayed the same for a whole interval, so that files that
   *   are being written are not read
   */
  constructor(intervalMs: number, onChange: () => void) {
    this.#intervalMs = intervalMs
    this.#onChange = onChange
  }

  /** Takes the present status of the files as known. Must be called before they are read. */
  async takeAsKnown(): Promise<void> {
    // A copy of the list discards a poll that is under way
    this.#files = [...this.#files]
    this.#known = await lookAt(this.#files)
    this.#last = this.#known
  }

  /**
   * Replaces the watched files. Files that were watched before keep their known status.
   *
   * @param read status that others had before they were read; by default the present one
   */
  async watch(files: readonly string[], read: Statuses = new Map()): Promise<void> {
    this.#files = files
    const now = await lookAt(files)
    this.#known = new Map(
      [...now].map(([file, status]) => [file, this.#known.get(file) ?? read.get(file) ?? status]),
    )
    this.#last = now
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#poll(), this.#intervalMs).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #poll(): Promise<void> {
    const files = this.#files
    const now = await lookAt(files)
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

/**
 * Looks at one file after the other, and returns when each has been there, or not: a file server that is away keeps a thread for each
 * look, of which Node.js has four for all files and names, and without any no decision could be recorded. What is read at once would
 * keep all requests waiting for it.
 */
export async function lookAt(files: readonly string[]): Promise<Statuses> {
  const statuses = new Map<string, string>()
  for (const file of files) {
    statuses.set(file, await lookAtFile(file))
  }
  return statuses
}

function areEqual(one: Statuses, other: Statuses): boolean {
  return one.size === other.size && [...one].every(([file, status]) => other.get(file) === status)
}
