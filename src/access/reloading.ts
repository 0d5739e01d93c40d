/** Takes over who may have something signed, while the service runs. */
import type { BaseLogger } from 'pino'
import type { LoadedAccess } from '../configuration/configuration.ts'
import { FileWatch } from '../configuration/file-watch.ts'
import { logProblems } from '../configuration/problem.ts'
import type { Access } from './access.ts'

export interface AccessReloadingOptions {
  readonly access: Pick<Access, 'replace'>
  /** Files that the configuration stands in; without any there is nothing to take over. */
  readonly files: readonly string[]
  /** Interval at which the files are polled, in ms; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration anew. */
  load(): LoadedAccess
  readonly log: BaseLogger
}

export class AccessReloading {
  readonly #options: AccessReloadingOptions
  readonly #watch: FileWatch

  constructor(options: AccessReloadingOptions) {
    this.#options = options
    this.#watch = new FileWatch(options.intervalMs, () => this.reload())
  }

  async start(): Promise<void> {
    const { files, intervalMs } = this.#options
    await this.#watch.watch(files)
    if (files.length > 0 && intervalMs > 0) {
      this.#watch.start()
    }
  }

  /** Takes over what the files hold now. What has problems changes nothing. */
  reload(): void {
    const { access, files, load, log } = this.#options
    if (files.length === 0) {
      return
    }
    const { access: loaded, problems } = load()
    if (problems.length > 0) {
      logProblems(log, 'error', problems)
      log.error('the access stays as it was: correct its file, or send SIGHUP')
      return
    }
    access.replace(loaded.configuration)
    log.info({ access: loaded.configuration.kind }, 'the access was taken over')
  }

  stop(): void {
    this.#watch.stop()
  }
}
