/** Registers metrics, and bounds the values of their labels, each of which is a time series that is stored for months. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/**
 * Upper bounds of the histograms of durations, in seconds: from half a millisecond, for a software token, over some,
 * for an HSM in the same network, to beyond the 5 s after which Document Engine gives up.
 */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The known values of each label; an empty list where they are not known before they come. */
type Labels<T extends string> = Readonly<Record<T, readonly string[]>>

/** Registers a counter. Known values start at 0: a rate over a series that appears with 1 misses the first event. */
export function registerCounter<T extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labels = {} as Labels<T>,
): Counter<T> {
  const counter = new Counter({ name, help, labelNames: namesOf(labels), registers: [registry] })
  startAtZero(counter, labels)
  return counter
}

/** Registers a histogram of durations in seconds, in which known values start at 0. */
export function registerDurations<T extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labels = {} as Labels<T>,
): Histogram<T> {
  const histogram = new Histogram({
    ...{ name, help, labelNames: namesOf(labels), registers: [registry] },
    buckets: DURATION_BUCKETS,
  })
  startAtZero(histogram, labels)
  return histogram
}

/** Starts the series of each combination of these values at 0. A histogram that has counted begins anew. */
export function startAtZero<T extends string>(metric: Counter<T> | Histogram<T>, labels: Labels<T>): void {
  for (const values of combine(labels)) {
    if (metric instanceof Counter) {
      metric.inc(values, 0)
    } else {
      metric.zero(values)
    }
  }
}

/** Registers a gauge whose values are read at each scrape, so that removed signers and tokens have none. */
export function registerGauge<T extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly T[],
  read: () => readonly (readonly [labels: Record<T, string>, value: number])[],
): void {
  new Gauge({
    ...{ name, help, labelNames: [...labelNames], registers: [registry] },
    collect() {
      this.reset()
      if (labelNames.length === 0) {
        // A gauge without labels is reset to 0, not to nothing
        this.remove()
      }
      for (const [labels, value] of read()) {
        this.set(labels, value)
      }
    },
  })
}

/**
 * Returns the value of a label for what the pool reports: a known word, or the name of a PKCS#11 return value, of which
 * the binding has a hundred. Vendors' numbers become `CKR_VENDOR_DEFINED`, and anything else becomes `other`.
 */
export function boundReason(reason: string, words: readonly string[] = []): string {
  if (words.includes(reason) || /^CKR_[A-Z0-9_]{1,60}$/.test(reason)) {
    return reason
  }
  return /^0x[0-9a-f]+$/i.test(reason) ? 'CKR_VENDOR_DEFINED' : 'other'
}

function namesOf<T extends string>(labels: Labels<T>): T[] {
  return Object.keys(labels) as T[]
}

/** Returns each combination of the known values. */
function combine<T extends string>(labels: Labels<T>): Record<T, string>[] {
  return namesOf(labels).reduce(
    (rows, label) => rows.flatMap((row) => labels[label].map((value) => ({ ...row, [label]: value }))),
    [{} as Record<T, string>],
  )
}
