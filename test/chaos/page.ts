import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { Growth } from './growth.ts'
import { GROWTH_HEADINGS, growthRows, HEADINGS, markdownTable } from './table.ts'

const BEGIN = '<!-- chaos:begin -->'
const END = '<!-- chaos:end -->'

/** What a page is told of a run. */
export interface RunFigures {
  readonly seconds: number
  /** Cells of the scenarios' table. */
  readonly rows: readonly (readonly string[])[]
  readonly growth: Growth | undefined
}

/** The page with its tables replaced by those of this run. */
export function replaceTables(page: string, { seconds, rows, growth }: RunFigures): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) {
    throw new Error(`the page has no ${BEGIN} with an ${END} after it`)
  }
  const parts = [
    page.slice(0, begin + BEGIN.length),
    `Faults of ${seconds} s, on ${cpus().length} cores with Node.js ${process.versions.node}:`,
    markdownTable(HEADINGS, rows),
    ...(growth === undefined ? [] : [markdownTable(GROWTH_HEADINGS, growthRows(growth))]),
    page.slice(end),
  ]
  return parts.join('\n\n')
}

export function updatePage(path: string, figures: RunFigures): void {
  writeFileSync(path, replaceTables(readFileSync(path, 'utf8'), figures))
}
