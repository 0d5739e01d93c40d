/** Verifies the files of an audit log: each record, the chain, the checkpoints, and where the chain begins and ends. */
import type { AuditRecord, CheckpointRecord } from '../../schemas/audit-record.ts'
import { quote } from '../common/quote.ts'
import { readRotatedNumber } from '../common/rotated-file.ts'
import { sha256Of } from '../x509/review/trace-signer.ts'
import { describeSubject } from '../x509/validity.ts'
import { hashLine } from './chain.ts'
import { type Line, MAX_LINE_BYTES, readFiles } from './read-lines.ts'
import { RECORD_KINDS, type RecordKind, readRecord } from './read-record.ts'
import { ChainVerifier } from './verify-chain.ts'
import { type CheckpointTrust, CheckpointVerifier } from './verify-checkpoint.ts'

export interface VerificationOptions extends CheckpointTrust {
  /** The first record need not be number 1. */
  readonly openStart: boolean
  /** The chain need not be closed, as that of a service which runs. */
  readonly openEnd: boolean
  /** SHA-256 of lines, hex, which were noted elsewhere. */
  readonly heads: readonly string[]
}

/** The place of a record that is wrong, and the reason. */
export interface WrongRecord {
  readonly file: string
  /** From 1 on. */
  readonly line: number
  /** Number that the record has, or should have; undefined before the first one. */
  readonly number?: number
  /** A predicate of the record. */
  readonly reason: string
}

/** A signer of checkpoints in the log. */
export interface SeenSigner {
  readonly subject: string
  /** SHA-256 of the certificate, hex. */
  readonly sha256: string
  readonly trusted: boolean
  checkpoints: number
}

/** The last checkpoint with a valid signature. */
export interface LastCheckpoint {
  readonly number: number
  /** Number of the last record that it covers. */
  readonly records: number
  readonly time: string
  readonly subject: string
  /** Time of the authority, if it has a timestamp. */
  readonly timestamp?: string
}

/** The findings about a log. It is proven if nothing is wrong and nothing is missing. */
export interface LogReport {
  readonly proven: boolean
  readonly wrong?: WrongRecord
  /** Says what is missing for the proof, in sentences. */
  readonly missing: readonly string[]
  readonly stream?: string
  readonly from?: string
  readonly to?: string
  readonly firstRecord: number
  readonly lastRecord: number
  readonly kinds: Readonly<Record<RecordKind, number>>
  readonly signed: number
  /** Refusals without a record of their own are among them. */
  readonly refused: number
  readonly checkpoints: {
    readonly signed: number
    readonly unsigned: number
    readonly signers: readonly SeenSigner[]
    /** Further signers, which are not listed. */
    readonly otherSigners: number
    readonly last?: LastCheckpoint
  }
  readonly timestamps: {
    readonly count: number
    readonly trusted: boolean
    /** Largest distance between a timestamp and its statement. */
    readonly maxDistanceMs: number
  }
  /** Number of the last record that a trusted signature or a given head proves; 0 for none. */
  readonly provenTo: number
  /** The records after it, without the checkpoint that closes the chain. */
  readonly unproven: { readonly records: number; readonly seconds: number }
  /** Bytes of an incomplete last line, which the service is just writing. */
  readonly incompleteBytes: number
}

/** Signers that are listed: a hostile log could have another one in each checkpoint. */
const MAX_SIGNERS = 20

/**
 * Verifies a log, up to the first record that is wrong.
 *
 * @param files in the order of their records
 * @throws UnreadableFile
 */
export async function verifyLog(files: readonly string[], options: VerificationOptions): Promise<LogReport> {
  const verifier = new LogVerifier(options)
  for await (const { file, lines, isLast } of readFiles(files)) {
    let first = true
    for await (const line of lines) {
      const reason = verifier.add(line, first ? file : undefined, isLast)
      if (reason !== undefined) {
        return verifier.report({ file, line: line.number, ...verifier.nextNumber(), reason })
      }
      first = false
    }
  }
  return verifier.report()
}

class LogVerifier {
  readonly #options: VerificationOptions
  readonly #chain: ChainVerifier
  readonly #checkpoints: CheckpointVerifier
  readonly #kinds = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, 0])) as Record<RecordKind, number>
  readonly #missingHeads: Set<string>
  readonly #signers = new Map<string, SeenSigner>()
  #signed = 0
  #refused = 0
  #checkpointsSigned = 0
  #otherSigners = 0
  #lastCheckpoint: LastCheckpoint | undefined
  #timestamps = { count: 0, trusted: true, maxDistanceMs: 0 }
  /** The last record that something proves, and the time at which that was made. */
  #proven = { number: 0, time: 0 }
  /** Number of the last record that a checkpoint which closes the chain has to cover. */
  #lastToCover = 0
  #incompleteBytes = 0

  constructor(options: VerificationOptions) {
    this.#options = options
    this.#chain = new ChainVerifier(options.openStart)
    this.#checkpoints = new CheckpointVerifier(options)
    this.#missingHeads = new Set(options.heads)
  }

  /** Returns the number that the next record has to have. */
  nextNumber(): { number?: number } {
    const { last } = this.#chain
    return last === undefined ? {} : { number: last.record.number + 1 }
  }

  /**
   * Adds the next line.
   *
   * @param begun the file that begins with the line, if one does
   * @param inLastFile the last line of the last file may be incomplete, if the end is open
   * @returns why it is wrong; undefined if it is the next record
   */
  add({ bytes, end }: Line, begun: string | undefined, inLastFile: boolean): string | undefined {
    if (end === 'limit') {
      return `is longer than ${MAX_LINE_BYTES} bytes`
    }
    if (end === 'file') {
      if (inLastFile && this.#options.openEnd) {
        this.#incompleteBytes = bytes.length
        return undefined
      }
      return 'is not complete: the line has no end'
    }
    const { record, wrong } = readRecord(bytes)
    if (record === undefined) {
      return wrong
    }
    const head = hashLine(bytes)
    const reason = (begun && findWrongName(begun, record)) ?? this.#chain.add(record, head)
    if (reason !== undefined) {
      return reason
    }
    this.#count(record)
    if (this.#missingHeads.delete(head)) {
      this.#prove(record.number, Date.parse(record.time))
    }
    return record.kind === 'checkpoint' ? this.#verifyCheckpoint(record) : undefined
  }

  report(wrong?: WrongRecord): LogReport {
    const { first, last } = this.#chain
    const missing = wrong === undefined ? this.#findMissing() : []
    const { number: provenTo, time } = this.#proven
    const records = Math.max(0, this.#lastToCover - provenTo)
    const ms = last === undefined || records === 0 ? 0 : Date.parse(last.record.time) - time
    return {
      proven: wrong === undefined && missing.length === 0,
      ...(wrong && { wrong }),
      missing,
      ...(first && last && { stream: first.stream, from: first.time, to: last.record.time }),
      firstRecord: first?.number ?? 0,
      lastRecord: last?.record.number ?? 0,
      kinds: this.#kinds,
      signed: this.#signed,
      refused: this.#refused,
      checkpoints: {
        signed: this.#checkpointsSigned,
        unsigned: this.#kinds.checkpoint - this.#checkpointsSigned,
        signers: [...this.#signers.values()],
        otherSigners: this.#otherSigners,
        ...(this.#lastCheckpoint && { last: this.#lastCheckpoint }),
      },
      timestamps: this.#timestamps,
      provenTo,
      unproven: { records, seconds: provenTo === 0 ? 0 : Math.max(0, Math.round(ms / 1000)) },
      incompleteBytes: this.#incompleteBytes,
    }
  }

  #count(record: AuditRecord): void {
    const { kind } = record
    this.#kinds[kind] += 1
    if (kind === 'decision') {
      this.#signed += record.outcome === 'signed' ? 1 : 0
      this.#refused += record.outcome === 'refused' ? 1 : 0
    } else if (kind === 'refusals') {
      this.#refused += record.count
    }
    // A clock record can come between the statement and the checkpoint that closes the chain
    if (kind !== 'clock' && !(kind === 'checkpoint' && record.closes)) {
      this.#lastToCover = record.number
    }
  }

  /** @param number may be that of a record before the first one, of which nothing is proven */
  #prove(number: number, time: number): void {
    if (number >= Math.max(this.#proven.number, Number(this.#chain.first?.number))) {
      this.#proven = { number, time }
    }
  }

  #verifyCheckpoint(record: CheckpointRecord): string | undefined {
    const { statement, signature, number } = record
    const wrong = this.#findWrongStatement(record)
    if (wrong !== undefined || signature === undefined) {
      return wrong
    }
    try {
      const { signer, trusted, timestamp } = this.#checkpoints.verify(record, signature)
      const subject = describeSubject(signer)
      this.#countSigner({ subject, sha256: sha256Of(signer), trusted, checkpoints: 1 })
      this.#checkpointsSigned += 1
      const stated = Date.parse(statement.time)
      let time = stated
      if (timestamp !== undefined) {
        const { count, trusted, maxDistanceMs } = this.#timestamps
        const distance = Math.abs(timestamp.time.getTime() - stated)
        this.#timestamps = {
          count: count + 1,
          trusted: trusted && timestamp.trusted,
          maxDistanceMs: Math.max(maxDistanceMs, distance),
        }
        time = timestamp.trusted ? timestamp.time.getTime() : stated
      }
      this.#lastCheckpoint = {
        ...{ number, records: statement.records, time: statement.time, subject },
        ...(timestamp && { timestamp: timestamp.time.toISOString() }),
      }
      if (trusted) {
        this.#prove(statement.records, time)
      }
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  #findWrongStatement({ statement, stream, number }: CheckpointRecord): string | undefined {
    const { records, head } = statement
    if (statement.stream !== stream) {
      return `has a statement about the stream ${quote(statement.stream)}`
    }
    if (records >= number) {
      return `has a statement about record ${records}, which does not come before it`
    }
    const found = this.#chain.headOf(records)
    if (found === 'forgotten') {
      return `has a statement about record ${records}, which is too long before it`
    }
    return found === 'before' || found === head
      ? undefined
      : `has a statement about record ${records} with another "head" than the SHA-256 of its line`
  }

  #countSigner(signer: SeenSigner): void {
    const known = this.#signers.get(signer.sha256)
    if (known !== undefined) {
      known.checkpoints += 1
    } else if (this.#signers.size < MAX_SIGNERS) {
      this.#signers.set(signer.sha256, signer)
    } else {
      this.#otherSigners += 1
    }
  }

  /** Finds what is missing for the proof, though no record is wrong. */
  #findMissing(): string[] {
    const { last } = this.#chain
    if (last === undefined) {
      return ['there is no record']
    }
    const { record } = last
    const closed = record.kind === 'checkpoint' && record.closes
    const { number } = this.#proven
    const missing = [...this.#missingHeads].map(
      (head) => `no line has the SHA-256 ${head} that was noted elsewhere`,
    )
    if (!closed && !this.#options.openEnd) {
      missing.push(
        `the last record, ${record.number}, does not close the chain: the end was cut off, or the service runs, or it was ` +
          'killed (--open-end does without)',
      )
    }
    if (number === 0) {
      missing.push(
        this.#checkpointsSigned > 0
          ? 'nobody vouches for the signers of the checkpoints: --certificate names whom you trust'
          : 'no checkpoint is signed, so that whoever could write the files could have made the whole chain',
      )
    } else if (this.#lastToCover > number && !this.#options.openEnd) {
      missing.push(`nothing proves the records after number ${number}`)
    }
    return missing
  }
}

/** Finds a file whose name says that it begins with another record. */
function findWrongName(file: string, { number }: AuditRecord): string | undefined {
  const named = readRotatedNumber(file)
  return named === undefined || named === number
    ? undefined
    : `has number ${number}, and is the first one of a file whose name says ${named}`
}
