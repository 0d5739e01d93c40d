import { escapeInvisible } from '../common/quote.ts'

/** Formats lines of cells, with each column as wide as its widest cell. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((line) => line.map(printable))
  const widths = header.map((_, column) => Math.max(...lines.map((line) => `${line[column]}`.length)))
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(Number(widths[column]))).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}

/**
 * Makes text of the token safe for the terminal. An empty text, which would look like a missing cell, becomes a dash.
 */
export function printable(text: string): string {
  return escapeInvisible(text) || '-'
}

/** Returns a flag in words. A flag that the token does not show is unknown, which is not the same as no. */
export function yesNo(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : 'no'
}
