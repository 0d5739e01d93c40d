/** Says what the steps of a check come to, as monitoring systems read it from a plugin: an exit code and a first line. */
import { escapeInvisible } from '../../common/quote.ts'
import { CommandFailed } from '../io.ts'
import type { Step } from './report.ts'

/** Exit codes of the Monitoring Plugins guidelines. */
export const EXIT_CODES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const

export type State = keyof typeof EXIT_CODES

/** Ends a command whose verdict has been printed. */
export class VerdictTold extends CommandFailed {
  constructor(state: State) {
    super('', EXIT_CODES[state])
  }
}

/** Returns whether these arguments of the command are those of a monitoring plugin. */
export function isForMonitoring([command, ...options]: readonly string[]): boolean {
  return command === 'check' && options.includes('--sign')
}

/** The states from the worst down. What could not be judged may be critical, so it comes before a warning. */
const WORST_FIRST: readonly (readonly [Step['status'], State])[] = [
  ['failed', 'CRITICAL'],
  ['unknown', 'UNKNOWN'],
  ['warning', 'WARNING'],
]

/** A measured value, with the ranges in which it is all right. */
export interface Figure {
  readonly label: string
  readonly value: number
  readonly unit: 's' | ''
  /** Ranges in the format of the guidelines: `30:` for no less than 30, `-5:5`, `2` for no more than 2. */
  readonly warning: string
  readonly critical: string
}

/** The outcome of a check. */
export interface Verdict {
  readonly state: State
  /** The findings, in one line. */
  readonly summary: string
  readonly steps: readonly Step[]
  readonly figures: readonly Figure[]
}

/** Most problems in the first line; the lines after it have all of them. */
const MAX_TOLD = 3

/**
 * Judges the steps of a check.
 *
 * @param summary sentence for a check in which all is well
 */
export function judge(steps: readonly Step[], figures: readonly Figure[], summary: string): Verdict {
  const [status, state] = WORST_FIRST.find(([one]) => steps.some((step) => step.status === one)) ?? []
  if (status === undefined || state === undefined) {
    return { state: 'OK', summary, steps, figures }
  }
  const problems = WORST_FIRST.flatMap(([one]) => steps.filter((step) => step.status === one))
  const told = problems.slice(0, MAX_TOLD).map(({ signer, name, found }) => {
    const subject = signer === undefined ? name : `${signer}: ${name}`
    return `${subject}: ${found}`
  })
  const more = problems.length - told.length
  const others = more === 0 ? [] : [`and ${more} more`]
  return { state, summary: [...told, ...others].join('; '), steps, figures }
}

/**
 * Formats a verdict for a monitoring system: one line with the state, the summary and, behind a bar, the figures. Then
 * a line for each step, with advice on what is not well.
 */
export function formatVerdict({ state, summary, steps, figures }: Verdict): string {
  const behind = figures.length === 0 ? '' : ` | ${figures.map(formatFigure).join(' ')}`
  return [`${formatLine(state, summary)}${behind}`, ...steps.flatMap(formatStep)]
    .map((line) => `${line}\n`)
    .join('')
}

/** Returns the first line of a verdict, without figures. */
export function formatLine(state: State, summary: string): string {
  return `SIGNING ${state} - ${plain(summary)}`
}

/** Returns text in which nothing is taken for the beginning of figures, and nothing steers a terminal. */
function plain(text: string): string {
  return escapeInvisible(text).replaceAll('|', '/')
}

/** Formats `'label'=value[unit];[warning];[critical]`. A label has no name of a signer that would end it. */
function formatFigure({ label, value, unit, warning, critical }: Figure): string {
  const rounded = Math.round(value * 1000) / 1000
  return `'${label.replace(/[^\w .-]/g, '_')}'=${rounded}${unit};${warning};${critical}`
}

function formatStep({ signer, name, status, found, advice }: Step): string[] {
  const subject = signer === undefined ? name : `${signer}: ${name}`
  const line = plain(`[${status}] ${subject}: ${found}`)
  return advice === undefined ? [line] : [line, `  -> ${plain(advice)}`]
}
