/** Records what was decided, so that no answer leaves before its record is on the disk. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { defined } from '../common/defined.ts'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import { VERSION } from '../common/version.ts'
import type { AuditConfiguration } from '../configuration/audit-configuration.ts'
import { problemWith } from '../configuration/problem.ts'
import { AUDIT_UNAVAILABLE, ConfigurationError } from '../errors.ts'
import { AuditFile, type FoundEnd } from './audit-file.ts'
import { AuditFileError, AuditFileLocked } from './audit-file-error.ts'
import { Chain, type ChainEnd, describeTime, EMPTY_CHAIN, encodeCanonical, type NewRecord } from './chain.ts'

/** Interval at which a file that cannot be written is tried again, and at which checkpoints are looked at, in ms. */
const TICK_MS = 1_000
/** Time for more records to come, in ms, if some came while others were written: a write costs as much as five records. */
const GATHER_MS = 5
/** Time that a record waits for the disk, in ms, after which nothing more is signed: by then callers have given up. */
const STALL_MS = 5_000
/** Most records of signatures that nobody was given which wait for a file that cannot be written. */
const MAX_OWED = 1_000
/** Codes of errors that pass by themselves; any other one at the start is a wrong configuration. */
const PASSING: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE']

/** The clock may change by so much while a checkpoint is signed: no timestamp may be far from the time of its statement. */
const MAX_CLOCK_STEP_MS = 60_000

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

type Decision = Extract<NewRecord, { kind: 'decision' }>

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
  readonly record: Decision
  /** Number under which it may be in the file all the same; none if it was never written. */
  number?: number
}

export class AuditLog {
  readonly #configuration: AuditConfiguration
  readonly #observer: AuditObserver
  readonly #signer: CheckpointSigner | undefined
  readonly #log: Logger
  readonly #warning: RepeatedWarning
  readonly #file: AuditFile | undefined
  /** Absent until the file could be written for the first time. */
  #chain: Chain | undefined
  /** The end of the chain as far as it is on the disk. */
  #durable = EMPTY_CHAIN
  #pending: Pending[] = []
  /** Time at which the first record of the present write came, in ms of `performance.now()`; undefined if none is written. */
  #writing: number | undefined
  /** Settles when all is written that was pending. */
  #written: Promise<void> | undefined
  /** The reason why nothing can be recorded, without a path; undefined while all is well. */
  #problem: string | undefined
  #owed: Owed[] = []
  /** Requests that were refused while nothing could be recorded. */
  #unrecorded = 0
  /** The record that tells how many, once it was tried to write it. */
  #told: { readonly number: number; readonly unrecorded: number } | undefined
  /** Settles when it is known whether the file can be written again. */
  #beginning: Promise<void> | undefined
  /** Number of the last record that needs no other checkpoint, and when the last one was made. */
  #checkpoint = { covered: 0, at: Number.NEGATIVE_INFINITY }
  readonly #startedAt = performance.now()
  /** Time of the last look at the disk, in ms of `performance.now()`. */
  #watchedAt = this.#startedAt
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
    const { file, rotateBytes } = configuration
    this.#file =
      file === undefined
        ? undefined
        : new AuditFile(file, rotateBytes, (error) => this.#warnOfUnmovable(error))
  }

  /** The reason why nothing can be recorded, for everybody who reaches the service; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Seconds since the last signed checkpoint, or since the start; 0 if there are no records that it does not cover.
   * Undefined if checkpoints are not signed.
   */
  get checkpointAge(): number | undefined {
    if (this.#signer === undefined) {
      return undefined
    }
    const since = Math.max(this.#checkpoint.at, this.#startedAt)
    return this.#uncovered === 0 ? 0 : (performance.now() - since) / 1000
  }

  /** Seconds after which a checkpoint is signed; undefined if none is. */
  get checkpointInterval(): number | undefined {
    return this.#signer && this.#configuration.checkpointMs / 1000
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
      await this.#begin()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (!PASSING.includes(code) && !(error instanceof AuditFileLocked)) {
        await this.#file?.close()
        const wrong = error instanceof AuditFileError ? message : `cannot be written (${code})`
        throw new ConfigurationError([problemWith('AUDIT_FILE', wrong, this.#configuration.file)])
      }
      this.#fail(error as Error)
    }
    await this.#tick()
    this.#timer = setInterval(() => {
      this.#watchDisk()
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
      // A record that comes while the file is begun stands behind that, or is counted if it fails
      await this.#beginning?.catch(() => {})
    }
    if (this.#problem !== undefined) {
      this.#miss(record)
      throw new AUDIT_UNAVAILABLE()
    }
    const since = performance.now()
    const chain = this.#chain as Chain
    const lines = chain.add(record)
    const { end } = chain
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => (error === undefined ? resolve() : reject(error))
      this.#pending.push({ record, lines, end, since, settle })
      if (this.#writing === undefined) {
        this.#written = this.#write()
      }
    })
  }

  /** Records what is still to be recorded, and closes the chain with a checkpoint, which nothing follows. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#ticking
    await this.#written
    try {
      if (this.#problem !== undefined) {
        await this.#begin()
      }
      await this.#makeCheckpoint(true)
    } catch (error) {
      this.#log.error({ reason: describeReason(error) }, 'the end of the audit log is not recorded')
    }
    await this.#file?.close()
  }

  /** Opens the file, and records that this was done, with what could not be recorded before. */
  async #begin(): Promise<void> {
    await this.#file?.lock()
    const { stream, torn, ...found }: FoundEnd = (await this.#file?.open()) ?? { end: EMPTY_CHAIN }
    // The last write may be in the file although it failed, and may be gone although it did not
    const isAhead = found.end.number > this.#durable.number
    const end = isAhead ? found.end : this.#durable
    const chain = new Chain(this.#chooseStream(stream), end)
    const lines: string[] = []
    const add = (record: NewRecord): number => {
      lines.push(chain.add(record))
      return chain.end.number
    }
    const isWritten = (number: number | undefined) => number !== undefined && number <= end.number
    this.#owed = this.#owed.filter(({ number }) => !isWritten(number))
    this.#unrecorded -= isWritten(this.#told?.number) ? (this.#told?.unrecorded as number) : 0
    if (torn !== undefined) {
      add({ kind: 'torn', ...torn })
    }
    const unrecorded = this.#unrecorded
    const number = add({
      ...{ kind: 'started', reason: this.#chain === undefined ? 'start' : 'recovered', version: VERSION },
      ...(this.#chain !== undefined &&
        isAhead && { unanswered: { first: this.#durable.number + 1, last: end.number } }),
      ...(unrecorded > 0 && { unrecorded }),
    })
    this.#told = { number, unrecorded }
    for (const owed of this.#owed) {
      owed.number = add(withoutAnswer(owed.record))
    }
    try {
      this.#beginning = this.#file?.append(lines.join(''), end.number + 1)
      await this.#beginning
    } finally {
      this.#beginning = undefined
    }
    this.#chain = chain
    this.#durable = chain.end
    this.#owed = []
    this.#unrecorded = 0
    this.#told = undefined
    this.#ship(lines)
    this.#problem = undefined
  }

  /** @throws AuditFileError */
  #chooseStream(found: string | undefined): string {
    const { stream = found } = this.#configuration
    if (found !== undefined && found !== stream) {
      throw new AuditFileError(`has the records of the stream ${found}, and AUDIT_STREAM is another one`)
    }
    return stream ?? this.#chain?.stream ?? hostname()
  }

  /** Writes what is pending, in one go or one by one, until nothing is. */
  async #write(): Promise<void> {
    const { sync } = this.#configuration
    while (this.#pending.length > 0) {
      const count = sync === 'always' ? 1 : this.#pending.length
      const batch = this.#pending.splice(0, count)
      this.#writing = (batch[0] as Pending).since
      try {
        await this.#file?.append(batch.map(({ lines }) => lines).join(''), this.#durable.number + 1)
        this.#confirm(batch)
      } catch (error) {
        this.#fail(error, [...batch, ...this.#pending.splice(0)])
      }
      if (this.#pending.length > 0 && sync === 'batch') {
        await delay(GATHER_MS)
      }
    }
    this.#writing = undefined
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

  /** Hands records to whoever reads the log. */
  #ship(lines: readonly string[]): void {
    if (this.#configuration.stdout) {
      for (const line of lines.join('').trimEnd().split('\n')) {
        this.#log.info({ audit: JSON.parse(line) }, 'audit record')
      }
    }
  }

  #fail(error: unknown, unwritten: readonly Pending[] = []): void {
    this.#problem = 'decisions cannot be recorded'
    this.#warning.warn(
      'the audit log cannot be written: nothing is signed',
      { reason: describeReason(error) },
      'written',
    )
    for (const { record, end, settle } of unwritten) {
      this.#miss(record, end.number)
      settle(new AUDIT_UNAVAILABLE())
    }
  }

  /**
   * Keeps the record of a signature that nobody is given, and counts other requests.
   *
   * @param number the number under which it may be in the file all the same
   */
  #miss(record: NewRecord, number?: number): void {
    if (record.kind === 'decision') {
      const isSigned = record.outcome === 'signed' || record.signatureMade
      if (isSigned && this.#owed.length < MAX_OWED) {
        this.#owed.push({ record, ...defined({ number }) })
      } else {
        this.#unrecorded += 1
      }
    } else if (record.kind === 'refusals') {
      this.#unrecorded += record.count
    }
  }

  /** Refuses more requests while the disk does not answer. What waits for it is answered when it does. */
  #watchDisk(): void {
    const now = performance.now()
    // After a pause of the process the disk may have answered, though nobody has read that yet
    const isLate = now - this.#watchedAt > 2 * TICK_MS
    this.#watchedAt = now
    if (!isLate && this.#writing !== undefined && now - this.#writing > STALL_MS) {
      this.#fail(new AuditFileError('the disk does not answer'))
    }
  }

  /** Tries the file again, or makes a checkpoint, if that is due. Never throws. */
  async #tick(): Promise<void> {
    try {
      this.#freeBytes = await this.#file?.freeBytes()
      if (this.#problem === undefined) {
        if (this.#isCheckpointDue()) {
          // A failure was logged where it occurred. The log goes on where the checkpoint could not be signed, and waits where its
          // record could not be written
          await this.#makeCheckpoint(false).catch(() => {})
        }
      } else if (this.#writing === undefined) {
        await this.#begin()
        this.#warning.reset()
        this.#log.info('the audit log can be written again')
      }
    } catch (error) {
      const reason = describeReason(error)
      this.#warning.warn('the audit log waits', { reason }, `waits: ${reason}`)
    }
  }

  /** Number of records that no checkpoint of this process covers. */
  get #uncovered(): number {
    return this.#durable.number - this.#checkpoint.covered
  }

  #isCheckpointDue(): boolean {
    const { checkpointRecords, checkpointMs } = this.#configuration
    const isTime =
      this.#uncovered >= checkpointRecords || performance.now() - this.#checkpoint.at >= checkpointMs
    return this.#uncovered > 0 && isTime && this.#signer?.isReady === true
  }

  /** @param closes true at the end, which is recorded also where it cannot be signed */
  async #makeCheckpoint(closes: boolean): Promise<void> {
    const { number: records, head } = this.#durable
    const { stream } = this.#chain as Chain
    const statement = { head, records, stream, time: describeTime(Date.now()) }
    const signature = await this.#sign(Buffer.from(encodeCanonical(statement)), closes)
    const recorded = this.record({ kind: 'checkpoint', closes, statement, ...signature })
    if (closes) {
      this.#problem = 'the service ends'
    }
    await recorded
    if (signature !== undefined) {
      this.#checkpoint = { covered: records + 1, at: performance.now() }
    }
  }

  #warnOfUnmovable(error: unknown): void {
    this.#warning.warn(
      'the audit file cannot be rotated, and grows: its folder has to be writable, and mounted rather than the file',
      { reason: describeReason(error) },
    )
  }

  async #sign(statement: Buffer, closes: boolean) {
    try {
      if (this.#signer?.isReady === false) {
        throw new Error('the signer is not ready')
      }
      const begun = Date.now()
      const signature = await this.#signer?.sign(statement)
      if (Math.abs(Date.now() - begun) > MAX_CLOCK_STEP_MS) {
        throw new Error('the clock was set, or the machine slept, meanwhile')
      }
      return signature
    } catch (error) {
      this.#warning.warn('a checkpoint of the audit log cannot be signed', { reason: describeReason(error) })
      if (!closes) {
        throw error
      }
      return undefined
    }
  }
}

/** Returns the record of a signature that nobody was given, as it could not be recorded in time. */
function withoutAnswer(record: Decision): Decision {
  return { ...record, outcome: 'refused', code: new AUDIT_UNAVAILABLE().code, signatureMade: true }
}

/** Returns why something failed, for the log: a code, or words. */
function describeReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
