/** Takes over what files hold, while the service runs. */
import type { BaseLogger } from 'pino'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { FileWatch } from './file-watch.ts'

interface Loaded<Content> {
  readonly content: Content
  /** Messages for the operator that do not keep the content from being taken over. */
  readonly warnings: readonly string[]
}

export interface FileReloadingOptions<Content> {
  /** Words for the content of the files in messages, such as `the access`. */
  readonly what: string
  /** Files that it stands in; without any there is nothing to take over. */
  readonly files: readonly string[]
  /** Interval at which the files are polled, in ms; 0 for never. */
  readonly intervalMs: number
  /** Reads the files anew. The content is complete if there are no problems. */
  load(): Loaded<Content> & { readonly problems: readonly ConfigurationProblem[] }
  /** Takes the content over, and returns what the log says of it. */
  take(content: Content): object
  readonly log: BaseLogger
}

/** Wait before another try, in ms: a file that is being replaced, or a disk that is away, may be back by then. */
const RETRY_MS = 15_000

export class FileReloading<Content> {
  readonly #options: FileReloadingOptions<Content>
  readonly #watch: FileWatch
  readonly #warning: RepeatedWarning
  #isRefused = false
  #retry: NodeJS.Timeout | undefined

  constructor(options: FileReloadingOptions<Content>) {
    this.#options = options
    this.#watch = new FileWatch(options.intervalMs, () => this.reload())
    // A user who was to be removed may still have something signed
    this.#warning = new RepeatedWarning({ warn: (details, message) => options.log.error(details, message) })
  }

  /** Whether what the files hold now was refused, so that what they held before goes on to count. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Begins to watch the files, and takes over what has changed since the start. */
  async start(): Promise<void> {
    const { files, intervalMs } = this.#options
    await this.#watch.watch(files)
    this.#read('debug')
    if (files.length > 0 && intervalMs > 0) {
      this.#watch.start()
    }
  }

  /** Takes over what the files hold now. What cannot be read, or has problems, changes nothing, and is tried again. */
  reload(): void {
    this.#read('info')
  }

  /** @param level of the line that says what was taken over: at the start that is mostly what was there before */
  #read(level: 'debug' | 'info'): void {
    const { what, files, log, take } = this.#options
    clearTimeout(this.#retry)
    if (files.length === 0) {
      return
    }
    const read = this.#load()
    this.#isRefused = 'problem' in read
    if ('problem' in read) {
      this.#warning.warn(`${read.problem}; ${what} stays as it was, and the file is read again in a moment`)
      this.#retry = setTimeout(() => this.reload(), RETRY_MS).unref()
    } else {
      this.#warning.reset()
      if (level === 'info') {
        // The start has said those of what was there before
        for (const warning of read.warnings) {
          log.warn(warning)
        }
      }
      log[level](take(read.content), `${what} was taken over`)
    }
  }

  stop(): void {
    clearTimeout(this.#retry)
    this.#watch.stop()
  }

  #load(): Loaded<Content> | { readonly problem: string } {
    try {
      const { content, problems, warnings } = this.#options.load()
      const problem = problems.map(({ variable, message }) => `${variable}: ${message}`).join('; ')
      return problems.length === 0 ? { content, warnings } : { problem }
    } catch (error) {
      return { problem: `${this.#options.what} cannot be read (${(error as NodeJS.ErrnoException).code})` }
    }
  }
}
