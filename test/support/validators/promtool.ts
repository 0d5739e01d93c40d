/** Prometheus' own tool for rules, which evaluates them over time series that it is given. */
import { type Scrape, typesOf } from '../scrape.ts'
import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

/** Minutes that pass. */
const HOUR = 60

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

/**
 * Tells whether exactly these alerts fire within an hour in which `scrapes` are taken a minute apart, and in which what
 * came between the last two of them goes on every minute.
 *
 * @param rules path of a file
 * @param alerts names
 */
export async function judgeAlerts(
  rules: string,
  scrapes: readonly Scrape[],
  alerts: readonly string[],
): Promise<Judgement> {
  const samples = alerts.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }))
  const test = {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: seriesOf(scrapes),
        promql_expr_test: [
          {
            expr: 'group by (alertname) (last_over_time(ALERTS{alertstate="firing"}[1h]))',
            eval_time: `${HOUR - 1}m`,
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

function seriesOf(scrapes: readonly Scrape[]) {
  const types = new Map(scrapes.flatMap(({ text }) => [...typesOf(text)]))
  const keys = new Set(scrapes.flatMap(({ samples }) => [...samples.keys()]))
  const up = { series: 'up{job="signing-service",instance="one"}', values: `1x${HOUR}` }
  return [
    up,
    ...[...keys].map((key) => {
      const values = scrapes.map(({ samples }) => samples.get(key))
      return { series: labelled(key), values: notationOf(values, types.get(familyOf(key)) === 'gauge') }
    }),
  ]
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
  return `${first} ${last + step}+${step}x${HOUR - values.length}`
}
