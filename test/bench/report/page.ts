/** The figures as the documentation has them. */
import { markdownTable } from '../../support/markdown.ts'
import type { Line } from '../figures.ts'
import type { Verdict } from '../targets.ts'
import type { Machine } from './machine.ts'
import { MAIN_TABLE, TABLES } from './table.ts'

/** Paragraphs: the machine, and the tables. */
export function describeRun(
  machine: Machine,
  lines: readonly Line[],
  verdicts: readonly Verdict[],
): string[] {
  const { cores, cpu, memory, node, token } = machine
  const tables = TABLES.map(({ headings, rowsOf }) => ({
    headings,
    // Several targets of a line, one below the other
    rows: lines.flatMap((line) => rowsOf(line, verdicts).map((cells) => cells.map(breakLines))),
  }))
  return [
    `${cores} cores (${cpu}), ${memory} GB, Node.js ${node}, ${token}.`,
    ...tables
      .filter(({ rows }) => rows.length > 0)
      .map(({ headings, rows }) => markdownTable(headings, rows)),
  ]
}

/** Lines of the summary. */
const SUMMARY: readonly string[] = [
  ...['bare-8', 'raw-1', 'raw-32', 'raw-128', 'pkcs7-32', 'naive'],
  ...['simulated-bare', 'simulated-8', 'simulated-16', 'simulated-64', 'simulated-naive', 'simulated-best'],
  ...['overload-1024-at-once', 'replicas-1', 'replicas-2', 'document-100MB-1', 'document-100MB-8'],
  ...['start', 'session', 'soak-http', 'soak-signer'],
]

/** Paragraphs: the machine, and what matters most of the tables. */
export function summarizeRun(
  machine: Machine,
  lines: readonly Line[],
  verdicts: readonly Verdict[],
): string[] {
  const [describedMachine = ''] = describeRun(machine, [], [])
  const rows = lines
    .filter(({ name }) => SUMMARY.includes(name))
    .flatMap((line) => MAIN_TABLE.rowsOf(line, verdicts).map((cells) => cells.map(breakLines)))
  return [describedMachine, markdownTable(MAIN_TABLE.headings, rows)]
}

function breakLines(cell: string): string {
  return cell.replaceAll('; ', '<br>')
}
