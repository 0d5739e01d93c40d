/** The figures as the documentation has them. */
import { markdownTable } from '../../support/markdown.ts'
import type { Line } from '../figures.ts'
import type { Verdict } from '../targets.ts'
import type { Machine } from './machine.ts'
import { TABLES } from './table.ts'

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

function breakLines(cell: string): string {
  return cell.replaceAll('; ', '<br>')
}
