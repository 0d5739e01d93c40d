/** All figures of a run, for programs. */
import { FIGURES, type Line, mistakesOf, sharesOf } from '../figures.ts'
import type { Settings } from '../settings.ts'
import { type Spread, spreadOf } from '../statistics.ts'
import { judge, type Outcome } from '../targets.ts'
import type { Machine } from './machine.ts'

export interface Report {
  /** ISO 8601. */
  readonly at: string
  readonly machine: Machine
  readonly settings: Settings
  /** What each figure is, and its unit. */
  readonly units: typeof FIGURES
  /** All figures of all rounds. */
  readonly lines: readonly Line[]
  readonly summary: readonly Summary[]
  readonly targets: readonly TargetReport[]
  /** What makes the run fail, in words: wrong answers, and missed targets. */
  readonly failures: readonly string[]
}

/** The main figure of a line. */
export interface Summary extends Spread {
  readonly name: string
  readonly figure: string
  readonly unit: string
  /** Of its reference. */
  readonly share?: Spread
}

export interface TargetReport {
  readonly line: string
  readonly target: string
  readonly median: number
  readonly outcome: Outcome
}

export function reportOf(machine: Machine, settings: Settings, lines: readonly Line[]): Report {
  const verdicts = judge(lines)
  const missed = verdicts.filter(({ outcome }) => outcome === 'MISSED')
  return {
    at: new Date().toISOString(),
    machine,
    settings,
    units: FIGURES,
    lines,
    summary: lines.map(summarize),
    targets: verdicts.map(({ target: { line }, says, median, outcome }) => ({
      ...{ line, target: says, median, outcome },
    })),
    failures: [
      ...lines.flatMap(mistakesOf),
      ...missed.map(
        ({ target, says, median }) =>
          `${target.line}: ${says} is ${Number(median.toPrecision(3))}: ${target.missed}`,
      ),
    ],
  }
}

/** JSON with a line of text for each element of an array, so that versions can be compared. */
export function formatReport(report: Report): string {
  const fields = Object.entries(report).map(([name, value]) => {
    const elements = Array.isArray(value) ? value.map((element) => JSON.stringify(element)) : undefined
    const text = elements === undefined ? JSON.stringify(value) : `[\n    ${elements.join(',\n    ')}\n  ]`
    return `  "${name}": ${text}`
  })
  return `{\n${fields.join(',\n')}\n}\n`
}

function summarize(line: Line): Summary {
  const shares = sharesOf(line)
  return {
    name: line.name,
    figure: line.main,
    unit: FIGURES[line.main].unit,
    ...spreadOf(line.figures[line.main] ?? []),
    ...(shares && { share: spreadOf(shares) }),
  }
}
