/** The chain of records: each line has the SHA-256 of the one before. */
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { AuditRecord } from '../../schemas/audit-record.ts'

/** Value of `previous` in the first record of a chain. */
export const NO_HEAD = '0'.repeat(64)

/** Returns a record, or a part of one, in the canonical form of RFC 8785. */
export function encodeCanonical(value: object): string {
  // Undefined only for what JSON cannot hold
  return canonicalize(value) as string
}

/** Returns the SHA-256 of a line, without its end, in lower-case hex. */
export function hashLine(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex')
}

/** The end of a chain, from which it goes on. */
export interface ChainEnd {
  /** Number of the last record; 0 for none. */
  readonly number: number
  /** SHA-256 of its line. */
  readonly head: string
  /** Its time, in milliseconds since 1970. */
  readonly time: number
}

export const EMPTY_CHAIN: ChainEnd = { number: 0, head: NO_HEAD, time: 0 }

type Members<R> = R extends AuditRecord ? Omit<R, 'stream' | 'number' | 'time' | 'previous'> : never
/** A record without the members that its place in the chain gives it. */
export type NewRecord = Members<AuditRecord>

/** Gives records their places in a chain. */
export class Chain {
  readonly stream: string
  #end: ChainEnd

  constructor(stream: string, end: ChainEnd) {
    this.stream = stream
    this.#end = end
  }

  get end(): ChainEnd {
    return this.#end
  }

  /**
   * Adds a record, before it one of kind `clock` if the clock was set back.
   *
   * @param now milliseconds since 1970
   * @returns the lines, each with its end
   */
  add(record: NewRecord, now = Date.now()): string {
    const { time } = this.#end
    const wentBack = now < time ? this.#line({ kind: 'clock', from: describeTime(time) }, now) : ''
    return wentBack + this.#line(record, now)
  }

  #line(record: NewRecord, time: number): string {
    const { number, head } = this.#end
    const place = { stream: this.stream, number: number + 1, time: describeTime(time), previous: head }
    const line = encodeCanonical({ ...record, ...place })
    this.#end = { number: number + 1, head: hashLine(line), time }
    return `${line}\n`
  }
}

/** Returns a time as in records: UTC, with milliseconds. */
export function describeTime(time: number): string {
  return new Date(time).toISOString()
}
