/** What is measured: lines, of which each has one figure of a kind a round. */

/** What a figure of that name is, in which unit, and with how many digits after the point it is shown. */
export const FIGURES = {
  rate: { what: 'right answers a second', unit: '/s', digits: 0 },
  p50: { what: 'latency, median', unit: 'ms', digits: 2 },
  p99: { what: 'latency, 99 of 100 are below', unit: 'ms', digits: 2 },
  p999: { what: 'latency, 999 of 1,000 are below', unit: 'ms', digits: 2 },
  longest: { what: 'latency, longest of all answers', short: 'longest answer', unit: 'ms', digits: 0 },
  httpCpu: { what: 'CPU of the HTTP process a right answer', short: 'CPU, HTTP', unit: 'ms', digits: 3 },
  signerCpu: { what: 'CPU of the signer process a right answer', unit: 'ms', digits: 3 },
  loadCpu: { what: 'CPU of the load generator a right answer', unit: 'ms', digits: 3 },
  tokenCpu: { what: 'CPU a signature, PKCS#11 alone', unit: 'ms', digits: 3 },
  loopP99: {
    ...{ what: 'event loop of the HTTP process, 99 of 100 delays are below', short: 'loop delay, p99' },
    ...{ unit: 'ms', digits: 2 },
  },
  loopMax: {
    ...{ what: 'event loop of the HTTP process, longest delay', short: 'loop delay, longest' },
    ...{ unit: 'ms', digits: 1 },
  },
  busy: { what: 'HSM_BUSY a second', unit: '/s', digits: 0 },
  seconds: { what: 'time', unit: 's', digits: 3 },
  megabyteCpu: { what: 'CPU of the HTTP process a megabyte', short: 'CPU a MB', unit: 'ms', digits: 2 },
  peak: {
    what: 'most memory of the HTTP process above idle',
    short: 'memory above idle',
    unit: 'MB',
    digits: 1,
  },
  httpMemory: { what: 'memory of the HTTP process', unit: 'MB', digits: 1 },
  signerMemory: { what: 'memory of the signer process', unit: 'MB', digits: 1 },
  memory: {
    what: 'memory of both processes, files that both map counted once',
    short: 'memory',
    unit: 'MB',
    digits: 1,
  },
  sessionMemory: { what: 'memory of the signer process a session', unit: 'MB', digits: 2 },
  descriptors: { what: 'file descriptors', unit: '', digits: 0 },
  threads: { what: 'threads', unit: '', digits: 0 },
  memoryGrowth: { what: 'growth of memory', unit: 'MB/h', digits: 1 },
  descriptorGrowth: { what: 'growth of file descriptors', unit: '/h', digits: 1 },
  threadGrowth: { what: 'growth of threads', unit: '/h', digits: 1 },
  latencyGrowth: { what: 'growth of the median latency', unit: 'ms/h', digits: 2 },
} as const satisfies Record<string, { what: string; short?: string; unit: string; digits: number }>

export type FigureName = keyof typeof FIGURES

/** The figures of one round. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>

/** How often there was which answer, for example `{ right: 4711, '503 HSM_BUSY': 12 }`. */
export type Answers = Readonly<Record<string, number>>

export interface Measured {
  readonly figures: Figures
  readonly answers?: Answers
}

/** What one line of the table is about. */
export interface LineKind {
  readonly name: string
  readonly what: string
  /** The figure that the line is about; the others are beside it. */
  readonly main: FigureName
  /** Answers beside right ones that are no mistake. */
  readonly allowed?: readonly string[]
}

export interface Reference {
  readonly what: string
  /** Name of the line that it is, where it is one. */
  readonly line?: string
  /** One a round. */
  readonly values: readonly number[]
}

export interface Line extends LineKind {
  /** One a round; what a soak has looked at every few seconds, one a look. */
  readonly figures: Readonly<Partial<Record<FigureName, readonly number[]>>>
  /** What the main figure is a share of, measured in the same rounds. */
  readonly reference?: Reference
  /** Of all rounds. */
  readonly answers: Answers
}

/** The line of what was measured in each round. */
export function lineOf(kind: LineKind, rounds: readonly Measured[], reference?: Reference): Line {
  const names = Object.keys(rounds[0]?.figures ?? {}) as FigureName[]
  const figures = names.map((name) => [name, rounds.map((round) => round.figures[name] ?? Number.NaN)])
  const answers: Record<string, number> = {}
  for (const round of rounds) {
    for (const [outcome, count] of Object.entries(round.answers ?? {})) {
      answers[outcome] = (answers[outcome] ?? 0) + count
    }
  }
  return { ...kind, figures: Object.fromEntries(figures), ...(reference && { reference }), answers }
}

/** The line with six digits of each figure, as reports have it. */
export function rounded(line: Line): Line {
  const round = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6)))
  const figures = Object.entries(line.figures).map(([name, values]) => [name, round(values)])
  const { reference } = line
  return {
    ...line,
    figures: Object.fromEntries(figures),
    ...(reference && { reference: { ...reference, values: round(reference.values) } }),
  }
}

/** The main figure in each round. */
export function valuesOf(line: Line): readonly number[] {
  return line.figures[line.main] ?? []
}

/** In each round the main figure as a share of the reference. */
export function sharesOf({ reference, ...line }: Line): readonly number[] | undefined {
  return reference && ratios(valuesOf(line), reference.values)
}

export function ratios(values: readonly number[], others: readonly number[]): readonly number[] {
  return values.slice(0, others.length).map((value, round) => value / (others[round] as number))
}

/** Answers of a line that nothing excuses, in words; none when all were right. */
export function mistakesOf({ name, answers, allowed = [] }: Line): string[] {
  return Object.entries(answers)
    .filter(([outcome]) => outcome !== RIGHT && !allowed.includes(outcome))
    .map(([outcome, count]) => `${name}: ${count} × ${outcome}`)
}

export const RIGHT = 'right'
export const BUSY = '503 HSM_BUSY'
