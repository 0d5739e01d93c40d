/** Proves that records are a chain: that none was altered, removed or inserted, and none stands in another's place. */
import type { AuditRecord } from '../../schemas/audit-record.ts'
import { quote } from '../common/quote.ts'
import { NO_HEAD } from './chain.ts'

/**
 * Lines whose hashes are kept, 32 bytes each, to compare the statements of checkpoints with. A checkpoint follows the
 * record that its statement is about within minutes.
 */
export const KEPT_HEADS = 262_144
const HASH_BYTES = 32

/** A record that was added, with what the next one is compared with. */
export interface LastRecord {
  readonly record: AuditRecord
  /** SHA-256 of its line, hex. */
  readonly head: string
}

/** Takes the records of a chain one after another, and says of each whether it may follow the one before. */
export class ChainVerifier {
  readonly #openStart: boolean
  readonly #heads = Buffer.alloc(KEPT_HEADS * HASH_BYTES)
  #first: AuditRecord | undefined
  #last: LastRecord | undefined
  /** True once the service had ended, or a line was torn: then it has to start. */
  #mustStart = false

  /** @param openStart the first record need not be number 1 */
  constructor(openStart: boolean) {
    this.#openStart = openStart
  }

  get first(): AuditRecord | undefined {
    return this.#first
  }

  get last(): LastRecord | undefined {
    return this.#last
  }

  /**
   * Adds the next record, unless it is wrong.
   *
   * @param head SHA-256 of its line, hex
   * @returns why it is wrong, as a predicate; undefined if it is the next record
   */
  add(record: AuditRecord, head: string): string | undefined {
    const wrong =
      this.#last === undefined ? this.#findWrongStart(record) : this.#findBreak(record, this.#last)
    if (wrong !== undefined) {
      return wrong
    }
    this.#first ??= record
    this.#last = { record, head }
    this.#heads.write(head, placeOf(record.number), 'hex')
    // A clock record says nothing about the service
    if (record.kind !== 'clock') {
      this.#mustStart = record.kind === 'torn' || (record.kind === 'checkpoint' && record.closes)
    }
    return undefined
  }

  /**
   * Returns the SHA-256 of the line of a record, hex, which is not after the last one: `before` if it is before the
   * first one by two or more, and `forgotten` if it is too long ago.
   */
  headOf(number: number): string | 'before' | 'forgotten' {
    const { number: first, previous } = this.#first as AuditRecord
    const { number: last } = (this.#last as LastRecord).record
    if (number < first) {
      return number === first - 1 ? previous : 'before'
    }
    const place = placeOf(number)
    return number <= last - KEPT_HEADS ? 'forgotten' : this.#heads.toString('hex', place, place + HASH_BYTES)
  }

  #findWrongStart({ number, previous }: AuditRecord): string | undefined {
    if (number === 1) {
      return previous === NO_HEAD ? undefined : 'is the first of a chain, but its "previous" is not zeros'
    }
    return this.#openStart
      ? undefined
      : `is the first one here, but has number ${number}: the records before it are missing (--open-start does without)`
  }

  #findBreak(record: AuditRecord, { record: before, head }: LastRecord): string | undefined {
    if (record.stream !== before.stream) {
      return `is of the stream ${quote(record.stream)}, and not of ${quote(before.stream)}`
    }
    if (record.number !== before.number + 1) {
      return `has number ${record.number}, where ${before.number + 1} belongs`
    }
    if (record.previous !== head) {
      return `has a "previous" that is not the SHA-256 of the line before: that line was altered, or this one`
    }
    return findTimeProblem(record, before) ?? (this.#mustStart ? findMissingStart(record) : undefined)
  }
}

/** Records that can come between the end of a service and its start. */
const BEFORE_START: readonly string[] = ['started', 'torn', 'clock']

function findMissingStart({ kind }: AuditRecord): string | undefined {
  return BEFORE_START.includes(kind)
    ? undefined
    : 'follows the end of the service, or a torn line, after which only a start can come'
}

function findTimeProblem(record: AuditRecord, before: AuditRecord): string | undefined {
  if (record.kind === 'clock') {
    return record.from === before.time && record.time < before.time
      ? undefined
      : 'says that the clock was set back, which does not fit the times of this record and the one before'
  }
  return record.time < before.time ? `has a time before that of the record before, ${before.time}` : undefined
}

function placeOf(number: number): number {
  return (number % KEPT_HEADS) * HASH_BYTES
}
