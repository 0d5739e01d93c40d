/** Queries of the dashboard, in PromQL. */

/** A query, and how each series that it returns is called. */
export interface Query {
  readonly expr: string
  readonly legend: string
}

export function query(legend: string, expr: string): Query {
  return { expr, legend }
}

/** Returns a selector of a metric, of the instances that the reader has chosen. */
export function select(metric: string, ...matchers: string[]): string {
  return `${metric}{${['job=~"$job"', 'instance=~"$instance"', ...matchers].join(',')}}`
}

/** Returns how much a counter grows in a second. */
export function rate(metric: string, ...matchers: string[]): string {
  return `rate(${select(metric, ...matchers)}[$__rate_interval])`
}

/** Returns how much a counter grows in a second, summed up by these labels. */
export function rateBy(labels: string, metric: string, ...matchers: string[]): string {
  return `sum by (${labels}) (${rate(metric, ...matchers)})`
}

/** Returns three queries of a histogram: what half, 95 and 99 of 100 take at most. */
export function quantiles(labels: readonly string[], metric: string, ...matchers: string[]): Query[] {
  const named = labels.map((label) => `{{${label}}} `).join('')
  return [
    query(`${named}half`, quantile(0.5, labels, metric, ...matchers)),
    query(`${named}95 of 100`, quantile(0.95, labels, metric, ...matchers)),
    query(`${named}99 of 100`, quantile(0.99, labels, metric, ...matchers)),
  ]
}

/** Returns what this share of a histogram's observations takes at most. */
export function quantile(
  share: number,
  labels: readonly string[],
  metric: string,
  ...matchers: string[]
): string {
  return `histogram_quantile(${share}, ${rateBy([...labels, 'le'].join(', '), `${metric}_bucket`, ...matchers)})`
}
