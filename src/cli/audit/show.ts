/** Implements `signing-service audit show`, which lists the decisions in an audit log. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AuditRecord, DecisionRecord } from '../../../schemas/audit-record.ts'
import type { Io } from '../io.ts'
import { formatTable } from '../table.ts'
import { type ReadLine, reading, readRecords, writePart } from './records.ts'

const EXAMPLES = `
Lists decisions, and the records that sum up further refusals of a second. It does not prove them, which "verify" does. The
table begins anew, with its header, every 1000 rows. --json prints the lines of the records as they are.

T is a date (2026-11-27, which begins at 00:00 UTC), or a time with Z or an offset (2026-11-27T05:00:00Z).

Examples:
  signing-service audit show --subject contracts-app --since 2026-11-01 --until 2026-12-01 audit.jsonl
  signing-service audit show --outcome refused --code HSM_BUSY audit*.jsonl
  signing-service audit show --digest "$(openssl dgst -sha256 -r contract.xml | cut -d' ' -f1)" --json audit.jsonl
`

/** Rows that are formatted at once. */
const ROWS = 1000
/** Bytes of lines that are written at once. */
const PART_BYTES = 65_536
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

interface ShowOptions {
  readonly since?: string
  readonly until?: string
  readonly subject?: string
  readonly signer?: string
  readonly digest?: string
  readonly outcome?: 'signed' | 'refused'
  readonly code?: string
  readonly json?: boolean
}

export function addShowCommand(command: Command, io: Io): void {
  command
    .command('show')
    .argument('<file...>', 'files of the log')
    .description('list what was signed and refused')
    .option('--since <time>', 'from this time on', parseTime)
    .option('--until <time>', 'before this time', parseTime)
    .option('--subject <subject>', 'asked for by this subject')
    .option('--signer <name>', 'asked for from this signer')
    .option('--digest <hex>', 'over this digest', parseDigest)
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(['signed', 'refused']))
    .option('--code <code>', 'refused with this code')
    .option('--json', 'print the lines of the records')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: ShowOptions) => reading(() => show(io, files, options)))
}

/** Parses a time into the form of the records, which compare as texts. */
function parseTime(value: string): string {
  const time = DATE.test(value) ? Date.parse(value) : Number.NaN
  const day = value.slice(0, '2026-11-27'.length)
  // Date takes 31 February for 3 March
  if (Number.isNaN(time) || !new Date(day).toISOString().startsWith(day)) {
    throw new InvalidArgumentError('It must be a date, or a time with Z or an offset: 2026-11-27T05:00:00Z.')
  }
  return new Date(time).toISOString()
}

function parseDigest(value: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(value)) {
    throw new InvalidArgumentError('It must be hexadecimal, two digits a byte.')
  }
  return value.toLowerCase()
}

async function show(io: Io, files: readonly string[], options: ShowOptions): Promise<void> {
  const parts = options.json ? formatLines(files, options) : formatRows(files, options)
  for await (const part of parts) {
    if (!(await writePart(io, part))) {
      return
    }
  }
}

async function* formatLines(files: readonly string[], options: ShowOptions): AsyncGenerator<string, void> {
  let part = ''
  for await (const { bytes } of select(files, options)) {
    part += `${bytes}\n`
    if (part.length >= PART_BYTES) {
      yield part
      part = ''
    }
  }
  yield part
}

async function* formatRows(files: readonly string[], options: ShowOptions): AsyncGenerator<string, void> {
  let rows: string[][] = []
  let any = false
  for await (const { record } of select(files, options)) {
    rows.push(record.kind === 'decision' ? describeDecision(record) : describeRefusals(record))
    if (rows.length === ROWS) {
      yield formatTable(HEADER, rows)
      rows = []
      any = true
    }
  }
  if (rows.length > 0) {
    yield formatTable(HEADER, rows)
  } else if (!any) {
    yield 'There are no such records.\n'
  }
}

type RefusalsRecord = Extract<AuditRecord, { kind: 'refusals' }>
type Shown = ReadLine & { readonly record: DecisionRecord | RefusalsRecord }

async function* select(files: readonly string[], options: ShowOptions): AsyncGenerator<Shown, void> {
  for await (const placed of readRecords(files)) {
    if (isSelected(placed.record, options)) {
      yield placed as Shown
    }
  }
}

function isSelected(record: AuditRecord, options: ShowOptions): boolean {
  const { since = '', until, outcome, subject, signer, digest, code } = options
  if (record.time < since || (until !== undefined && record.time >= until)) {
    return false
  }
  const is = (wanted: string | undefined, value: string | undefined) =>
    wanted === undefined || wanted === value
  if (record.kind === 'refusals') {
    const isOfCode = code === undefined || Object.hasOwn(record.codes, code)
    return is(subject, record.subject) && is(outcome, 'refused') && isOfCode && !signer && !digest
  }
  return (
    record.kind === 'decision' &&
    is(outcome, record.outcome) &&
    is(subject, record.subject) &&
    is(signer, record.signer) &&
    is(digest, record.digest) &&
    is(code, record.code)
  )
}

const HEADER = [
  ...[
    'NUMBER',
    'TIME',
    'OUTCOME',
    'CODE',
    'SUBJECT',
    'ADDRESS',
    'ACTION',
    'SIGNER',
    'LEVEL',
    'HASH',
    'DIGEST',
  ],
  'REQUEST',
]

function describeDecision(record: DecisionRecord): string[] {
  const { number, time, outcome, code, subject, address, action, signer, level, hashAlgorithm } = record
  const cells = [
    code,
    subject,
    address,
    action,
    signer,
    level,
    hashAlgorithm,
    record.digest,
    record.requestId,
  ]
  return [`${number}`, time, outcome, ...cells.map((cell = '') => cell)]
}

function describeRefusals({ number, time, count, codes, subject = '' }: RefusalsRecord): string[] {
  const list = Object.entries(codes).map(([code, times]) => `${times} ${code}`)
  return [`${number}`, time, `${count} refused`, list.join(', '), subject, ...HEADER.slice(5).map(() => '')]
}
