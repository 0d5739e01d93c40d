export interface Latency {
  /** Times in ms. */
  readonly min: number
  readonly median: number
  readonly p99: number
}

/** @param samples times in ms, at least one */
export function summarize(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b)
  const rank = (share: number) => Number(sorted[Math.ceil(share * sorted.length) - 1])
  return { min: Number(sorted[0]), median: rank(0.5), p99: rank(0.99) }
}

/** Formats a latency, such as `0.02 / 0.03 / 0.11 ms`. */
export function formatLatency({ min, median, p99 }: Latency): string {
  return `${[min, median, p99].map((ms) => ms.toFixed(2)).join(' / ')} ms`
}
