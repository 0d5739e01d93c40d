/** Takes over who may have something signed, while the service runs. */
import type { BaseLogger } from 'pino'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import type { AccessConfiguration } from '../configuration/access-configuration.ts'
import type { LoadedAccess } from '../configuration/configuration.ts'
import { FileWatch } from '../configuration/file-watch.ts'
import type { Access } from './access.ts'

interface AccessReloadingOptions {
  readonly access: Pick<Access, 'replace'>
  /** Files that the configuration stands in; without any there is nothing to take over. */
  readonly files: readonly string[]
  /** Interval at which the files are polled, in ms; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration anew. */
  load(): LoadedAccess
  readonly log: BaseLogger
}

/** Wait before another try, in ms: a file that is being replaced, or a disk that is away, may be back by then. */
const RETRY_MS = 15_000

export class AccessReloading {
  readonly #options: AccessReloadingOptions
  readonly #watch: FileWatch
  readonly #warning: RepeatedWarning
  #retry: NodeJS.Timeout | undefined

  constructor(options: AccessReloadingOptions) {
    this.#options = options
    this.#watch = new FileWatch(options.intervalMs, () => this.reload())
    // A user who was to be removed may still have something signed
    this.#warning = new RepeatedWarning({ warn: (details, message) => options.log.error(details, message) })
  }

  /** Begins to watch the files, and takes over what has changed since the start. */
  async start(): Promise<void> {
    const { files, intervalMs } = this.#options
    await this.#watch.watch(files)
    this.reload()
    if (files.length > 0 && intervalMs > 0) {
      this.#watch.start()
    }
  }

  /** Takes over what the files hold now. What cannot be read, or has problems, changes nothing, and is tried again. */
  reload(): void {
    const { access, files, log } = this.#options
    clearTimeout(this.#retry)
    if (files.length === 0) {
      return
    }
    const { configuration, problem } = this.#load()
    if (configuration === undefined) {
      this.#warning.warn(`${problem}; the access stays as it was, and the file is read again in a moment`)
      this.#retry = setTimeout(() => this.reload(), RETRY_MS).unref()
    } else {
      this.#warning.reset()
      access.replace(configuration)
      log.info({ access: configuration.kind }, 'the access was taken over')
    }
  }

  stop(): void {
    clearTimeout(this.#retry)
    this.#watch.stop()
  }

  #load(): { readonly configuration?: AccessConfiguration; readonly problem?: string } {
    try {
      const { access, problems } = this.#options.load()
      const problem = problems.map(({ variable, message }) => `${variable}: ${message}`).join('; ')
      return problems.length === 0 ? { configuration: access.configuration } : { problem }
    } catch (error) {
      return { problem: `the access cannot be read (${(error as NodeJS.ErrnoException).code})` }
    }
  }
}
