/** The records of an audit log, as somebody reads them who has docs/audit.md alone. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { Value } from 'typebox/value'
import { AuditRecord, type CheckpointRecord, type DecisionRecord } from '../../schemas/audit-record.ts'

/** Returns a function that makes a folder in another one, and returns the path of an audit log in it, each time a new one. */
export function pathsIn(folders: string): () => string {
  let made = 0
  return () => {
    made += 1
    const folder = join(folders, `${made}`)
    mkdirSync(folder)
    return join(folder, 'audit.jsonl')
  }
}

/** Paths of all files of an audit log, the oldest first. */
export function listFiles(path: string): string[] {
  const { dir, name, ext } = parse(path)
  const rotated = readdirSync(dir).filter((file) => new RegExp(`^${name}-\\d{12}\\${ext}$`).test(file))
  return [...rotated.sort().map((file) => join(dir, file)), ...(existsSync(path) ? [path] : [])]
}

/** Lines of all files, without their ends. What has no end yet is not among them. */
export function readLines(path: string): string[] {
  return listFiles(path).flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1))
}

export function readRecords(path: string): AuditRecord[] {
  return readLines(path).map((line) => JSON.parse(line))
}

export function decisionsIn(path: string): DecisionRecord[] {
  return readRecords(path).filter((record) => record.kind === 'decision')
}

export function checkpointsIn(path: string): CheckpointRecord[] {
  return readRecords(path).filter((record) => record.kind === 'checkpoint')
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * Checks that lines are canonical, records by the schema, and one chain from the first number on.
 *
 * @returns what is wrong; an empty list if nothing is
 */
export function findChainProblems(lines: readonly string[], first = 1, previous = '0'.repeat(64)): string[] {
  const problems: string[] = []
  let before = { head: previous, number: first - 1, time: '' }
  const heads = new Map<number, string>()
  for (const line of lines) {
    const record = JSON.parse(line) as AuditRecord
    const say = (what: string) => problems.push(`record ${record.number}: ${what}`)
    if (JSON.stringify(sort(record)) !== line) {
      say(`is not canonical: ${line}`)
    }
    if (!Value.Check(AuditRecord, record)) {
      say(`is none: ${line}`)
    }
    if (record.number !== before.number + 1 || record.previous !== before.head) {
      say(`does not follow ${before.number}`)
    }
    if (record.kind === 'clock' ? record.from !== before.time : record.time < before.time) {
      say('is older than the one before')
    }
    before = { head: sha256(line), number: record.number, time: record.time }
    heads.set(record.number, before.head)
    if (record.kind === 'checkpoint') {
      const { records, head } = record.statement
      if (heads.has(records) ? heads.get(records) !== head : records >= first) {
        say('has another head than the chain')
      }
    }
  }
  return problems
}

function sort(value: unknown): unknown {
  return typeof value !== 'object' || value === null
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .sort()
          .map(([name, one]) => [name, sort(one)]),
      )
}

/** The folder of the files, for tests that look at what is beside them. */
export function namesBeside(path: string): string[] {
  return readdirSync(dirname(path)).sort()
}
