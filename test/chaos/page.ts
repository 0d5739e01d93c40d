import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { markdownTable, replacePart } from '../support/markdown.ts'
import type { Growth } from './growth.ts'
import { GROWTH_HEADINGS, growthRows, HEADINGS } from './table.ts'

/** What a page is told of a run. */
export interface RunFigures {
  readonly seconds: number
  /** Cells of the scenarios' table. */
  readonly rows: readonly (readonly string[])[]
  readonly growth: Growth | undefined
}

/** The page with its tables replaced by those of this run. */
export function replaceTables(page: string, { seconds, rows, growth }: RunFigures): string {
  return replacePart(page, 'chaos', [
    `Faults of ${seconds} s, on ${cpus().length} cores with Node.js ${process.versions.node}:`,
    markdownTable(HEADINGS, rows),
    ...(growth === undefined ? [] : [markdownTable(GROWTH_HEADINGS, growthRows(growth))]),
  ])
}

export function updatePage(path: string, figures: RunFigures): void {
  writeFileSync(path, replaceTables(readFileSync(path, 'utf8'), figures))
}
