import { readNames, readNumber, readOptions } from '../support/suite-arguments.ts'
import { PARTS } from './parts/index.ts'
import { FULL, type Settings, SHORT } from './settings.ts'

export interface BenchArguments {
  readonly help: boolean
  /** Names of parts; all when none is given. */
  readonly only: ReadonlySet<string>
  readonly settings: Settings
  /** Where the figures go. */
  readonly json: string
  readonly svg: string
  /** A page whose tables are replaced. */
  readonly markdown: string | undefined
  /** A page whose summary is replaced. */
  readonly summary: string | undefined
}

export const USAGE = `usage: npm run bench -- [--only NAME,...] [--rounds N] [--seconds N] [--soak MINUTES] [--short]
                        [--json FILE] [--svg FILE] [--markdown FILE] [--summary FILE]

Measures how fast the service signs, beside what the token can do, and what it takes of processors and memory.
Every answer is checked. Exits with 1 when one was wrong, or a target is missed by more than its noise.

  --only NAME,...   these parts only
  --rounds N        how often everything is measured; by default 5 times on SoftHSM, 3 times what remains
  --seconds N       how long each measurement takes; 4 by default
  --soak MINUTES    how long the soak is; 10 by default, 0 leaves it out
  --short           everything once and as short as possible: whether it works, not how fast it is
  --json FILE       where the figures go; .bench/bench.json by default
  --svg FILE        where the plot goes; .bench/bench.svg by default
  --markdown FILE   replaces the tables of a page, between <!-- bench:begin --> and <!-- bench:end -->
  --summary FILE    replaces the short table of a page, between <!-- bench-summary:begin --> and <!-- bench-summary:end -->

Names:
${PARTS.map(({ name, what }) => `  ${name.padEnd(16)}  ${what}`).join('\n')}`

/**
 * Reads the arguments, without those of node itself.
 *
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): BenchArguments {
  const values = readOptions(args, {
    help: { type: 'boolean' },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    soak: { type: 'string' },
    short: { type: 'boolean' },
    json: { type: 'string' },
    svg: { type: 'string' },
    markdown: { type: 'string' },
    summary: { type: 'string' },
  })
  const base = values.short ? SHORT : FULL
  const { rounds, seconds, soak } = values
  const count = rounds === undefined ? undefined : Math.ceil(readNumber('rounds', rounds))
  return {
    help: values.help ?? false,
    only: readNames(
      values.only,
      PARTS.map(({ name }) => name),
      'part',
    ),
    settings: {
      ...base,
      ...(count !== undefined && { rounds: { softhsm: count, others: count } }),
      ...(seconds !== undefined && { seconds: readNumber('seconds', seconds) }),
      ...(soak !== undefined && { soakMinutes: readNumber('soak', soak, { zero: true }) }),
    },
    json: values.json ?? '.bench/bench.json',
    svg: values.svg ?? '.bench/bench.svg',
    markdown: values.markdown,
    summary: values.summary,
  }
}
