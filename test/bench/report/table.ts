/** The figures as people read them: lines for the terminal and for Markdown. */
import { FIGURES, type FigureName, type Line, sharesOf } from '../figures.ts'
import { spreadOf } from '../statistics.ts'
import type { Verdict } from '../targets.ts'

export interface Table {
  readonly headings: readonly string[]
  /** Of the text table, for most cells: one that is longer moves those after it. */
  readonly widths: readonly number[]
  rowsOf(line: Line, verdicts: readonly Verdict[]): string[][]
}

export const MAIN_TABLE: Table = {
  headings: ['what', 'median (min–max)', 'beside', 'share', 'target', 'verdict'],
  widths: [44, 24, 29, 18, 44, 12],
  rowsOf: (line, verdicts) => [
    [line.what, figureCell(line, line.main), ...shareCells(line), ...verdictCells(line, verdicts)],
  ],
}

const LOAD_FIGURES = [
  ...(['httpCpu', 'signerCpu', 'loadCpu'] as const),
  ...(['p50', 'p99', 'p999', 'longest', 'loopP99', 'loopMax'] as const),
]

/** One row for each line of load. */
export const LOAD_TABLE: Table = {
  headings: [
    'load',
    ...['CPU, HTTP', 'CPU, signer', 'CPU, load generator'],
    ...['p50', 'p99', 'p99.9', 'longest', 'loop delay, p99', 'loop delay, longest'],
    'HSM_BUSY',
  ],
  widths: [46, 9, 11, 19, 9, 9, 9, 9, 15, 19, 9],
  rowsOf: (line) =>
    line.figures.loadCpu === undefined || line.figures.p50 === undefined
      ? []
      : [[line.what, ...LOAD_FIGURES.map((name) => medianCell(line, name)), medianCell(line, 'busy')]],
}

const DOCUMENT_FIGURES = ['seconds', 'megabyteCpu', 'peak', 'loopP99', 'loopMax'] as const

export const DOCUMENT_TABLE: Table = {
  headings: [
    'documents',
    'time',
    'CPU, HTTP, a MB',
    'memory above idle',
    'loop delay, p99',
    'loop delay, longest',
  ],
  widths: [64, 9, 15, 17, 15, 19],
  rowsOf: (line) =>
    line.figures.megabyteCpu === undefined
      ? []
      : [[line.what, ...DOCUMENT_FIGURES.map((name) => medianCell(line, name))]],
}

const PROCESS_FIGURES = [
  ...(['httpMemory', 'signerMemory', 'memory', 'descriptors', 'threads'] as const),
  ...(['memoryGrowth', 'descriptorGrowth', 'threadGrowth'] as const),
]

export const PROCESS_TABLE: Table = {
  headings: [
    ...['processes', 'memory, HTTP', 'memory, signer', 'of both', 'descriptors', 'threads'],
    ...['growth of memory', 'of descriptors', 'of threads'],
  ],
  widths: [46, 12, 14, 9, 11, 9, 16, 14, 12],
  rowsOf: (line) =>
    line.figures.httpMemory === undefined && line.figures.signerMemory === undefined
      ? []
      : [[line.what, ...PROCESS_FIGURES.map((name) => medianCell(line, name))]],
}

export const TABLES: readonly Table[] = [MAIN_TABLE, LOAD_TABLE, DOCUMENT_TABLE, PROCESS_TABLE]

export function textRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd()
}

function figureCell(line: Line, name: FigureName): string {
  const { unit, digits } = FIGURES[name]
  return spreadCell(line.figures[name] ?? [], digits, unit)
}

function medianCell(line: Line, name: FigureName): string {
  const { unit, digits } = FIGURES[name]
  const values = line.figures[name]
  return values === undefined ? '–' : `${number(spreadOf(values).median, digits)} ${unit}`.trim()
}

function shareCells(line: Line): string[] {
  const shares = sharesOf(line)
  if (line.reference === undefined || shares === undefined) {
    return ['', '']
  }
  const { unit, digits } = FIGURES[line.main]
  const { what, values } = line.reference
  const { median } = spreadOf(values)
  return [
    `${what}: ${number(median, digits)} ${unit}`,
    spreadCell(shares, spreadOf(shares).median < 10 ? 2 : 1),
  ]
}

function spreadCell(values: readonly number[], digits: number, unit = ''): string {
  const { median, min, max } = spreadOf(values)
  const range = values.length > 1 ? ` (${number(min, digits)}–${number(max, digits)})` : ''
  return `${number(median, digits)}${unit && ` ${unit}`}${range}`
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** All targets of a line; all verdicts, or one where they agree. */
function verdictCells({ name }: Line, verdicts: readonly Verdict[]): string[] {
  const own = verdicts.filter(({ target }) => target.line === name)
  const outcomes = new Set(own.map(({ outcome }) => outcome))
  return [
    own.map(({ says, median }) => `${says} (${Number(median.toPrecision(3))})`).join('; '),
    outcomes.size > 1 ? own.map(({ outcome }) => outcome).join('; ') : [...outcomes].join(''),
  ]
}
