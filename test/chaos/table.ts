/** The results as people read them: aligned text for the terminal, Markdown for the documentation. */
import type { Figures, Growth } from './growth.ts'
import type { Result } from './result.ts'

export const HEADINGS: readonly string[] = [
  'scenario',
  'requests',
  'signed, verified',
  'wrong',
  'unanswered',
  'other answers',
  'longest',
  'ready again after',
  'HTTP process',
  'signer processes replaced',
]
/** Of the text table, for most cells: one that is longer moves those after it. */
const WIDTHS = [29, 8, 16, 5, 10, 30, 8, 24, 12, 25]

export function cellsOf(result: Result, offered: boolean): string[] {
  const refused = Object.entries(result.refused).map(([outcome, count]) => `${count} × ${outcome}`)
  const { p99 } = result
  return [
    result.name,
    String(result.requests),
    String(result.signed),
    String(result.wrong),
    String(result.unanswered),
    refused.join(', ') || 'none',
    offered
      ? `${ms(result.longestMs)} (99 of 100 signed within ${ms(p99.signed)}, refused within ${ms(p99.refused)})`
      : ms(result.longestMs),
    readyAgain(result),
    result.sameProcess ? 'the same' : 'ended',
    String(result.replaced),
  ]
}

function readyAgain({ state, stayedReady, recoveredMs }: Result): string {
  if (state === 'pin refused') {
    return 'never: PIN refused'
  }
  if (recoveredMs === undefined) {
    return 'not in time'
  }
  return stayedReady ? `${ms(recoveredMs)}, stayed ready` : ms(recoveredMs)
}

function ms(time: number): string {
  return `${Math.round(time).toLocaleString('en')} ms`
}

export function textRow(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0))
    .join('  ')
    .trimEnd()
}

export const GROWTH_HEADINGS: readonly string[] = ['', 'before', '10,000 requests later']

/** Memory is that of two moments; what the verdict is about is in `rss` of the growth. */
export function growthRows({ before, after, rss }: Growth): string[][] {
  const row = (name: string, figure: (figures: Figures) => number) => [
    name,
    figure(before).toLocaleString('en'),
    figure(after).toLocaleString('en'),
  ]
  return [
    row('sessions opened and not closed', ({ openSessions }) => openSessions),
    row('sessions that /health/ready counts', ({ healthSessions }) => healthSessions),
    row('threads, HTTP process', ({ http }) => http.threads),
    row('threads, signer process', ({ signer }) => signer.threads),
    row('file descriptors, HTTP process', ({ http }) => http.fileDescriptors),
    row('file descriptors, signer process', ({ signer }) => signer.fileDescriptors),
    row('resident memory, HTTP process, KiB', ({ http }) => http.rss),
    row('resident memory, signer process, KiB', ({ signer }) => signer.rss),
    [
      'least memory of the second 5,000 requests above that of the first, HTTP process, KiB',
      '',
      `${rss.http}`,
    ],
    ['the same, signer process', '', `${rss.signer}`],
  ]
}
