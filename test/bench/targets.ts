/** What must hold, and whether it does. */
import { FIGURES, type FigureName, type Line, ratios, sharesOf } from './figures.ts'
import { noiseOf, spreadOf } from './statistics.ts'

export interface Target {
  /** Name of the line that it is about. */
  readonly line: string
  /**
   * Which figure of it: a name of one, `share` of the reference, or the main figure, or another one, as a multiple of
   * that of another line in the same round, `of` which it may be another figure, `beside`.
   */
  readonly figure:
    | FigureName
    | 'share'
    | { readonly of: string; readonly by?: FigureName; readonly beside?: FigureName }
  readonly atLeast?: number
  readonly atMost?: number
  /** Said when it is missed. */
  readonly missed: string
}

const LOOP_LINES = [
  ...[1, 8, 32, 128].flatMap((inFlight) => [`raw-${inFlight}`, `pkcs7-${inFlight}`]),
  ...[1, 2, 4, 8, 16, 32, 64].map((sessions) => `simulated-${sessions}`),
]

export const TARGETS: readonly Target[] = [
  {
    line: 'raw-32',
    figure: { of: 'naive' },
    atLeast: 6,
    missed: 'a service that keeps nothing between requests is too near',
  },
  {
    line: 'raw-32',
    figure: 'share',
    atLeast: 0.65,
    missed: 'HTTP and the processes take too much of what the token can do',
  },
  {
    line: 'raw-32',
    figure: 'httpCpu',
    atMost: 0.25,
    missed: 'the HTTP process works too much for a request',
  },
  {
    line: 'peers-raw-32',
    figure: { of: 'go-32' },
    atLeast: 1,
    missed: 'a pool in Go signs more',
  },
  {
    line: 'peers-raw-32',
    figure: { of: 'peers-bare', by: 'httpCpu', beside: 'tokenCpu' },
    atMost: 0.2,
    missed: 'the HTTP process works too much beside what the token does',
  },
  {
    line: 'peers-raw-1',
    figure: { of: 'go-1' },
    atMost: 1.25,
    missed: 'one request waits too long for its session and for its answer',
  },
  {
    line: 'peers-first',
    figure: 'share',
    atLeast: 0.95,
    missed: 'a service that has just become ready is slow',
  },
  {
    line: 'pkcs7-32',
    figure: { of: 'raw-32' },
    atLeast: 0.93,
    missed: 'containers cost too much beside raw signatures',
  },
  ...[1, 2, 4, 8, 16, 32].map(
    (sessions): Target => ({
      line: `simulated-${sessions}`,
      figure: 'share',
      atLeast: sessions < 8 || sessions === 32 ? 0.95 : 0.98,
      missed: 'sessions wait for work',
    }),
  ),
  ...[
    [16, 8],
    [32, 16],
    [64, 32],
  ].map(
    ([sessions, fewer]): Target => ({
      line: `simulated-${sessions}`,
      figure: { of: `simulated-${fewer}` },
      atLeast: 1,
      missed: 'more sessions sign less',
    }),
  ),
  {
    line: 'simulated-best',
    figure: { of: 'simulated-naive' },
    atLeast: 30,
    missed: 'a service that keeps nothing between requests is too near',
  },
  ...LOOP_LINES.map(
    (line): Target => ({ line, figure: 'loopP99', atMost: 10, missed: 'the event loop is late' }),
  ),
  ...['overload-512', 'overload-1024', 'overload-512-at-once', 'overload-1024-at-once'].flatMap(
    (line): Target[] => [
      // HSM_TIMEOUT_MS and one second
      { line, figure: 'longest', atMost: 5_000, missed: 'overload is not refused in time' },
      { line, figure: { of: 'overload-32' }, atLeast: 0.9, missed: 'refusing costs signatures' },
    ],
  ),
  { line: 'document-100MB-1', figure: 'peak', atMost: 32, missed: 'a document is held in memory' },
  { line: 'document-100MB-8', figure: 'peak', atMost: 64, missed: 'documents are held in memory' },
  { line: 'document-100MB-1', figure: 'loopMax', atMost: 20, missed: 'a document blocks others' },
  { line: 'document-100MB-1-behind', figure: 'loopMax', atMost: 20, missed: 'a document blocks others' },
  {
    line: 'document-100MB-1',
    figure: { of: 'document-10MB-1', by: 'megabyteCpu' },
    atMost: 1.5,
    missed: 'the cost of a document grows faster than its size',
  },
  { line: 'start', figure: 'seconds', atMost: 0.7, missed: 'a start takes too long' },
  { line: 'start', figure: 'memory', atMost: 200, missed: 'an idle service holds too much memory' },
  { line: 'idle-32', figure: 'memory', atMost: 400, missed: 'sessions hold too much memory' },
  ...['soak-http', 'soak-signer'].flatMap((line): Target[] => [
    { line, figure: 'memoryGrowth', atMost: 20, missed: 'memory grows' },
    // One that stays open would be 12 an hour and more, one that is open for a moment 2
    { line, figure: 'descriptorGrowth', atMost: 6, missed: 'file descriptors are not closed' },
  ]),
]

export type Outcome = 'held' | 'within noise' | 'MISSED'

export interface Verdict {
  readonly target: Target
  /** The target in words. */
  readonly says: string
  readonly median: number
  readonly outcome: Outcome
}

/** Verdicts of those targets whose lines were measured. */
export function judge(lines: readonly Line[], targets: readonly Target[] = TARGETS): Verdict[] {
  const byName = new Map(lines.map((line) => [line.name, line]))
  return targets.flatMap((target) => {
    const values = valuesFor(target, byName)
    return values === undefined || values.length === 0 ? [] : [judgeOne(target, values, byName)]
  })
}

function valuesFor(
  { line: name, figure }: Target,
  lines: ReadonlyMap<string, Line>,
): readonly number[] | undefined {
  const line = lines.get(name)
  if (line === undefined) {
    return undefined
  }
  if (typeof figure === 'object') {
    const other = lines.get(figure.of)
    const { by = line.main, beside = by } = figure
    return other && ratios(line.figures[by] ?? [], other.figures[beside] ?? [])
  }
  return figure === 'share' ? sharesOf(line) : line.figures[figure]
}

function judgeOne(target: Target, values: readonly number[], lines: ReadonlyMap<string, Line>): Verdict {
  const spread = spreadOf(values)
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = target
  const short = Math.max(atLeast - spread.median, spread.median - atMost)
  // What is not a number holds nothing
  const outcome = short <= 0 ? 'held' : short <= noiseOf(spread) ? 'within noise' : 'MISSED'
  return { target, says: describe(target, lines), median: spread.median, outcome }
}

/** For example `≥ 0.65 of the bare token`. */
function describe({ line, figure, atLeast, atMost }: Target, lines: ReadonlyMap<string, Line>): string {
  const limit = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`
  if (typeof figure === 'object') {
    const by = figure.by === undefined ? '' : `${nameOf(figure.by)} `
    const beside = figure.beside === undefined ? '' : `${nameOf(figure.beside)}, `
    return `${by}${limit} × ${beside}${lines.get(figure.of)?.what}`
  }
  if (figure === 'share') {
    return `${limit} of ${lines.get(line)?.reference?.what}`
  }
  return `${nameOf(figure)} ${limit} ${FIGURES[figure].unit}`
}

/** What it is, without of what. */
function nameOf(figure: FigureName): string {
  const { what, short = what }: { what: string; short?: string } = FIGURES[figure]
  return short
}
