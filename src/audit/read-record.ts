/** Reads one line of an audit log, and says what is wrong with a line that is no record. */
import { isUtf8 } from 'node:buffer'
import { Compile } from 'typebox/compile'
import {
  type AuditRecord,
  CheckpointRecord,
  ClockRecord,
  DecisionRecord,
  RefusalsRecord,
  StartedRecord,
  TornRecord,
} from '../../schemas/audit-record.ts'
import { quote } from '../common/quote.ts'
import { describeTime, encodeCanonical } from './chain.ts'

export type RecordKind = AuditRecord['kind']

const SCHEMAS = new Map(
  [DecisionRecord, RefusalsRecord, StartedRecord, TornRecord, ClockRecord, CheckpointRecord].map((schema) => [
    schema.properties.kind.const as RecordKind,
    Compile(schema),
  ]),
)
export const RECORD_KINDS: readonly RecordKind[] = [...SCHEMAS.keys()]

/** A record, and where it is. */
export interface PlacedRecord {
  readonly record: AuditRecord
  readonly file: string
  /** From 1 on. */
  readonly line: number
}

/** The content of a line: a record, or something else. */
export type ReadRecord =
  | { readonly record: AuditRecord; readonly wrong?: undefined }
  /** The message is a predicate of the line, such as `is not valid JSON`. */
  | { readonly record?: undefined; readonly wrong: string }

/**
 * Reads a line as a record of the schema, in the form of RFC 8785. That form has each name once, and no two texts for the
 * same record.
 *
 * @param bytes without the end of the line
 */
export function readRecord(bytes: Buffer): ReadRecord {
  if (!isUtf8(bytes)) {
    return { wrong: 'is not valid UTF-8' }
  }
  const text = bytes.toString()
  let record: AuditRecord
  try {
    record = JSON.parse(text)
  } catch {
    return { wrong: 'is not valid JSON' }
  }
  const wrong = findSchemaProblem(record) ?? findTimeProblem(record)
  if (wrong !== undefined) {
    return { wrong }
  }
  return isCanonical(text, record) ? { record } : { wrong: OTHER_FORM }
}

const OTHER_FORM =
  'is not in the form of RFC 8785: a name stands twice, or names, spaces or numbers are written otherwise'

/** Most characters of a value in a message. */
const MAX_SHOWN = 80

function findSchemaProblem(record: unknown): string | undefined {
  const kind = typeof record === 'object' && record !== null && 'kind' in record ? record.kind : undefined
  const schema = SCHEMAS.get(kind as RecordKind)
  if (schema === undefined) {
    return typeof kind === 'string'
      ? `is of an unknown kind, ${quote(kind.slice(0, MAX_SHOWN))}`
      : 'is no record: it has no kind'
  }
  if (schema.Check(record)) {
    return undefined
  }
  const [first] = schema.Errors(record)
  const { keyword, instancePath = '', message } = first as ReturnType<typeof schema.Errors>[number]
  const place = instancePath === '' ? '' : ` at ${quote(instancePath.slice(0, MAX_SHOWN))}`
  const why = keyword === 'boolean' ? 'has a member that is not known' : `${message}`.slice(0, MAX_SHOWN)
  return `is no record of the kind ${kind}: it ${why}${place}`
}

/** The pattern of the schema allows days and hours that do not exist. */
function findTimeProblem(record: AuditRecord): string | undefined {
  const times = [
    record.time,
    ...(record.kind === 'clock' ? [record.from] : []),
    ...(record.kind === 'checkpoint' ? [record.statement.time] : []),
  ]
  const none = times.find((time) => {
    const parsed = Date.parse(time)
    return Number.isNaN(parsed) || describeTime(parsed) !== time
  })
  return none && `has a time that does not exist, ${none}`
}

/**
 * Returns whether a text is the form of RFC 8785 of what it says. JSON.stringify writes numbers and texts as RFC 8785 does
 * (3.2.2), so that only the order of names is left, and is a tenth of the work.
 */
function isCanonical(text: string, record: AuditRecord): boolean {
  try {
    // Only RFC 8785 refuses half of a surrogate pair, which JSON.stringify escapes
    const isPlain = !text.includes('\\ud') && JSON.stringify(record) === text && isSorted(record)
    return isPlain || encodeCanonical(record) === text
  } catch {
    // It has such a half, or is nested too deeply
    return false
  }
}

/** Returns whether the names of an object are in order (RFC 8785 3.2.3), and those of objects in it. */
function isSorted(value: object): boolean {
  let before = ''
  for (const [name, member] of Object.entries(value)) {
    if (name < before || (typeof member === 'object' && !isSorted(member))) {
      return false
    }
    before = name
  }
  return true
}
