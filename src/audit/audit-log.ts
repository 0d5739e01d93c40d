/** Records what was decided, so that no answer leaves before its record is on the disk. */
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { defined } from '../common/defined.ts'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import { VERSION } from '../common/version.ts'
import type { AuditConfiguration } from '../configuration/audit-configuration.ts'
import { problemWith } from '../configuration/problem.ts'
import { AUDIT_UNAVAILABLE, ConfigurationError } from '../errors.ts'
import { AuditFile, type FoundEnd } from './audit-file.ts'
import { AuditFileError } from './audit-file-error.ts'
import { Chain, type ChainEnd, describeTime, EMPTY_CHAIN, encodeCanonical, type NewRecord } from './chain.ts'

/** Interval at which a file that cannot be written is tried again, and at which checkpoints are looked at, in ms. */
const TICK_MS = 1_000
/** Most records of signatures that nobody was given which wait for a file that cannot be written. */
const MAX_OWED = 1_000
/** What keeps a file from being written for a while; anything else at the start is a wrong configuration. */
const PASSING: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE']

/** Signs the statement of a checkpoint. */
export interface CheckpointSigner {
  /** False while it cannot sign yet, which is no failure. */
  readonly isReady: boolean
  /** @returns name of the signer, and base64 of the container */
  sign(statement: Buffer): Promise<{ readonly signer: string; readonly signature: string }>
}

export interface AuditObserver {
  /** @param seconds from the decision until its record was on the disk */
  recorded(kind: NewRecord['kind'], seconds: number): void
}

export interface AuditLogOptions {
  readonly log: Logger
  readonly observer: AuditObserver
  /** Absent if checkpoints are not signed. */
  readonly signer?: CheckpointSigner
}

/** A record that is not on the disk yet. */
interface Pending {
  readonly record: NewRecord
  readonly lines: string
  /** The end of the chain behind it. */
  readonly end: ChainEnd
  readonly since: number
  settle(error?: Error): void
}

/** The record of a signature that nobody was given, since it could not be recorded. */
interface Owed {
  readonly record: NewRecord
  /** Number under which it may be in the file all the same; none if it was never written. */
  readonly number?: number
}

export class AuditLog {
  readonly #configuration: AuditConfiguration
  readonly #observer: AuditObserver
  readonly #signer: CheckpointSigner | undefined
  readonly #log: Logger
  readonly #warning: RepeatedWarning
  readonly #file: AuditFile | undefined
  #chain = new Chain('', EMPTY_CHAIN)
  /** The end of the chain as far as it is on the disk. */
  #durable = EMPTY_CHAIN
  #pending: Pending[] = []
  #isWriting = false
  /** Why nothing can be recorded, without a path; undefined while all is well. */
  #problem: string | undefined
  #owed: Owed[] = []
  /** Requests that were refused while nothing could be recorded. */
  #unrecorded = 0
  /** Number of the last record that needs no other checkpoint, and when the last one was made. */
  #checkpoint = { covered: 0, at: Number.NEGATIVE_INFINITY }
  readonly #startedAt = Date.now()
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #freeBytes: number | undefined

  constructor(configuration: AuditConfiguration, { log, observer, signer }: AuditLogOptions) {
    this.#configuration = configuration
    this.#observer = observer
    this.#signer = signer
    // Records are shipped whatever LOG_LEVEL is
    this.#log = log.child({}, { level: 'info' }) as Logger
    this.#warning = new RepeatedWarning(log)
    this.#file = configuration.file === undefined ? undefined : new AuditFile(configuration.file)
  }

  /** Why nothing can be recorded, for everybody who reaches the service; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Seconds since the last signed checkpoint, or since the start; 0 if there are no records that it does not cover. */
  get checkpointAge(): number {
    return this.#uncovered === 0 ? 0 : (Date.now() - Math.max(this.#checkpoint.at, this.#startedAt)) / 1000
  }

  /** Bytes that are free on the disk of the file; undefined if there is no file, or it cannot be said. */
  get freeBytes(): number | undefined {
    return this.#freeBytes
  }

  /**
   * Goes on with the chain of the file, or begins one.
   *
   * @throws ConfigurationError if the file cannot be used
   */
  async start(): Promise<void> {
    try {
      await this.#begin('start')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (!PASSING.includes(code)) {
        const wrong = error instanceof AuditFileError ? message : `cannot be written (${code})`
        throw new ConfigurationError([problemWith('AUDIT_FILE', wrong, this.#configuration.file)])
      }
      this.#fail(error as Error)
    }
    await this.#tick()
    this.#timer = setInterval(() => {
      this.#ticking ??= this.#tick().finally(() => {
        this.#ticking = undefined
      })
    }, TICK_MS).unref()
  }

  /**
   * Refuses what could not be recorded, before the HSM is asked.
   *
   * @throws AUDIT_UNAVAILABLE
   */
  check(): void {
    if (this.#problem !== undefined) {
      throw new AUDIT_UNAVAILABLE()
    }
  }

  /**
   * Records a decision, and returns once the record is on the disk.
   *
   * @throws AUDIT_UNAVAILABLE, after which nothing of it may be answered
   */
  async record(record: NewRecord): Promise<void> {
    if (this.#problem !== undefined) {
      this.#miss({ record })
      throw new AUDIT_UNAVAILABLE()
    }
    const since = performance.now()
    const lines = this.#chain.add(record)
    const { end } = this.#chain
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => (error === undefined ? resolve() : reject(error))
      this.#pending.push({ record, lines, end, since, settle })
      void this.#write()
    })
  }

  /** Records what is still to be recorded, and closes the chain with a checkpoint. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#ticking
    try {
      await this.#makeCheckpoint(true)
    } catch (error) {
      this.#log.error(
        { code: (error as NodeJS.ErrnoException).code },
        'the end of the audit log is not recorded',
      )
    }
    await this.#file?.close()
  }

  /** Opens the file, and records that this was done, with what could not be recorded before. */
  async #begin(reason: 'start' | 'recovered'): Promise<void> {
    await this.#file?.lock()
    const found: FoundEnd = (await this.#file?.open()) ?? { end: EMPTY_CHAIN }
    const { stream, torn } = found
    // What was written last may be in the file although that failed, and may be gone although it did not
    const wasWritten = found.end.number > this.#durable.number
    const end = wasWritten ? found.end : this.#durable
    const chain = new Chain(this.#chooseStream(stream), end)
    const written = { first: this.#durable.number + 1, last: end.number }
    const owed = this.#owed.filter(({ number }) => number === undefined || number > end.number)
    const records: NewRecord[] = [
      ...(torn === undefined ? [] : [{ kind: 'torn', ...torn } as const]),
      {
        ...{ kind: 'started', reason, version: VERSION },
        ...(reason === 'recovered' && wasWritten && { unanswered: written }),
        ...(this.#unrecorded > 0 && { unrecorded: this.#unrecorded }),
      },
      ...owed.map(({ record }) => withoutAnswer(record)),
    ]
    const lines = records.map((record) => chain.add(record))
    await this.#file?.append(lines.join(''), end.number + 1)
    this.#chain = chain
    this.#durable = chain.end
    this.#owed = []
    this.#unrecorded = 0
    this.#ship(lines)
    this.#problem = undefined
  }

  /** @throws AuditFileError */
  #chooseStream(found: string | undefined): string {
    const { stream = found } = this.#configuration
    if (found !== undefined && found !== stream) {
      throw new AuditFileError(`has the records of the stream ${found}, and AUDIT_STREAM is another one`)
    }
    return stream ?? (this.#chain.stream || hostname())
  }

  /** Writes what is pending, in one go or one by one, until nothing is. */
  async #write(): Promise<void> {
    if (this.#isWriting) {
      return
    }
    this.#isWriting = true
    while (this.#pending.length > 0) {
      const count = this.#configuration.sync === 'always' ? 1 : this.#pending.length
      const batch = this.#pending.splice(0, count)
      try {
        await this.#file?.append(batch.map(({ lines }) => lines).join(''), this.#durable.number + 1)
        this.#confirm(batch.splice(0))
        await this.#rotateIfDue()
      } catch (error) {
        this.#fail(error as Error, [...batch, ...this.#pending.splice(0)])
      }
    }
    this.#isWriting = false
  }

  /** Has what was written answered. */
  #confirm(batch: readonly Pending[]): void {
    this.#durable = (batch.at(-1) as Pending).end
    this.#ship(batch.map(({ lines }) => lines))
    const now = performance.now()
    for (const { record, since, settle } of batch) {
      this.#observer.recorded(record.kind, (now - since) / 1000)
      settle()
    }
  }

  async #rotateIfDue(): Promise<void> {
    if (this.#file !== undefined && this.#file.size >= this.#configuration.rotateBytes) {
      await this.#file.rotate()
    }
  }

  /** Hands records to whoever reads the log. */
  #ship(lines: readonly string[]): void {
    if (this.#configuration.stdout) {
      for (const line of lines.join('').trimEnd().split('\n')) {
        this.#log.info({ audit: JSON.parse(line) }, 'audit record')
      }
    }
  }

  #fail(error: Error, unwritten: readonly Pending[] = []): void {
    const { code } = error as NodeJS.ErrnoException
    this.#problem = 'decisions cannot be recorded'
    this.#warning.warn(
      'the audit log cannot be written: nothing is signed',
      { code: code ?? error.message },
      'written',
    )
    for (const { record, end, settle } of unwritten) {
      this.#miss({ record, number: end.number })
      settle(new AUDIT_UNAVAILABLE())
    }
  }

  /** Keeps the record of a signature that nobody is given, and counts other requests. */
  #miss(owed: Owed): void {
    const { record } = owed
    const isSigned = record.kind === 'decision' && (record.outcome === 'signed' || record.signatureMade)
    if (isSigned && this.#owed.length < MAX_OWED) {
      this.#owed.push(owed)
    } else {
      this.#unrecorded += 1
    }
  }

  /** Tries the file again, or makes a checkpoint, if that is due. Never throws. */
  async #tick(): Promise<void> {
    try {
      this.#freeBytes = await this.#file?.freeBytes()
      if (this.#problem !== undefined) {
        await this.#begin('recovered')
        this.#warning.reset()
        this.#log.info('the audit log can be written again')
      } else if (this.#isCheckpointDue()) {
        await this.#makeCheckpoint(false)
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      this.#warning.warn('the audit log waits', { code: code ?? message })
    }
  }

  /** Number of records that no checkpoint of this process covers. */
  get #uncovered(): number {
    return this.#durable.number - this.#checkpoint.covered
  }

  #isCheckpointDue(): boolean {
    const { checkpointRecords, checkpointMs } = this.#configuration
    const isTime = this.#uncovered >= checkpointRecords || Date.now() - this.#checkpoint.at >= checkpointMs
    return this.#uncovered > 0 && isTime && this.#signer?.isReady === true
  }

  /** @param closes true at the end, which is recorded also where it cannot be signed */
  async #makeCheckpoint(closes: boolean): Promise<void> {
    const { number: records, head } = this.#durable
    const statement = { head, records, stream: this.#chain.stream, time: describeTime(Date.now()) }
    const signature = await this.#sign(Buffer.from(encodeCanonical(statement)), closes)
    await this.record({ kind: 'checkpoint', closes, statement, ...signature })
    if (signature !== undefined) {
      this.#checkpoint = { covered: records + 1, at: Date.now() }
    }
  }

  async #sign(statement: Buffer, closes: boolean) {
    try {
      return await this.#signer?.sign(statement)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.#warning.warn('a checkpoint of the audit log cannot be signed', defined({ code }))
      if (!closes) {
        throw error
      }
      return undefined
    }
  }
}

/** Returns the record of a signature that nobody was given, as it could not be recorded in time. */
function withoutAnswer(record: NewRecord): NewRecord {
  return record.kind === 'decision'
    ? { ...record, outcome: 'refused', code: new AUDIT_UNAVAILABLE().code, signatureMade: true }
    : record
}
