/** Prometheus' own tool for rules, which evaluates them over time series that it is given. */
import { type Scrape, typesOf } from '../scrape.ts'
import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

const HOUR_MINUTES = 60

export async function hasPromtool(): Promise<boolean> {
  try {
    return (await runTool('promtool', ['--version'])).exitCode === 0
  } catch {
    return false
  }
}

export interface Judgement {
  readonly valid: boolean
  /** What promtool says. */
  readonly message: string
}

export interface Observation {
  /** Taken a minute apart. What came between the last two of them goes on every minute, until an hour is over. */
  readonly scrapes: readonly Scrape[]
  /** Time before the first scrape, in which what came between these two went on every minute. */
  readonly history?: { readonly scrapes: readonly [Scrape, Scrape]; readonly minutes: number }
  /** The metric `up` of the target; undefined if Prometheus knows no target. */
  readonly up?: 0 | 1 | undefined
}

/**
 * Tells whether exactly these alerts fire.
 *
 * @param rules path of a file
 * @param alerts names
 */
export async function judgeAlerts(
  rules: string,
  observation: Observation,
  alerts: readonly string[],
): Promise<Judgement> {
  const samples = alerts.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }))
  const minutes = HOUR_MINUTES + (observation.history?.minutes ?? 0)
  const test = {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: seriesOf(observation),
        promql_expr_test: [
          {
            expr: `group by (alertname) (last_over_time(ALERTS{alertstate="firing"}[${minutes}m]))`,
            eval_time: `${minutes - 1}m`,
            exp_samples: samples,
          },
        ],
      },
    ],
  }
  // JSON is YAML
  return withTemporaryFiles({ test: JSON.stringify(test) }, async (path) => {
    const { exitCode, stdout, stderr } = await runTool('promtool', ['test', 'rules', path.test])
    return { valid: exitCode === 0, message: `${stdout}${stderr}` }
  })
}

function seriesOf({ scrapes, history, up }: Observation) {
  const types = new Map(scrapes.flatMap(({ text }) => [...typesOf(text)]))
  const keys = new Set(scrapes.flatMap(({ samples }) => [...samples.keys()]))
  const minutes = HOUR_MINUTES + (history?.minutes ?? 0)
  const known = { series: 'up{job="signing-service",instance="one"}', values: `${up}x${minutes}` }
  return [
    ...(up === undefined ? [] : [known]),
    ...[...keys].map((key) => {
      const isGauge = types.get(familyOf(key)) === 'gauge'
      const [first, ...others] = scrapes.map(({ samples }) => samples.get(key))
      const step = history && stepOf(...history.scrapes, key, isGauge)
      const before =
        history === undefined
          ? []
          : first === undefined || step === undefined
            ? [`_x${history.minutes}`]
            : [`${first - step * history.minutes}+${step}x${history.minutes - 1}`]
      return {
        series: labelled(key),
        values: [...before, notationOf([first, ...others], isGauge)].join(' '),
      }
    }),
  ]
}

/** Returns what came to a series between two scrapes; undefined if it was not in both. */
function stepOf(one: Scrape, other: Scrape, key: string, isGauge: boolean): number | undefined {
  const [before, after] = [one.samples.get(key), other.samples.get(key)]
  return before === undefined || after === undefined ? undefined : isGauge ? 0 : after - before
}

/** As Prometheus labels what it scrapes. */
function labelled(key: string): string {
  const target = 'job="signing-service",instance="one"'
  return key.endsWith('}') ? `${key.slice(0, -1)},${target}}` : `${key}{${target}}`
}

function familyOf(key: string): string {
  return key.replace(/\{.*/, '')
}

function notationOf(values: readonly (number | undefined)[], isGauge: boolean): string {
  const first = values.map((value) => value ?? '_').join(' ')
  const [before, last] = values.slice(-2)
  if (last === undefined) {
    return first
  }
  // A counter of another process begins anew
  const step = isGauge ? 0 : Math.max(0, last - (before ?? 0))
  return `${first} ${last + step}+${step}x${HOUR_MINUTES - values.length}`
}
