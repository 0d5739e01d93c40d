/** Compares clocks of others with that of this machine, as far as what they sent and when it came tells. */
import type { Report } from './report.ts'
import type { Reply } from './service-client.ts'
import type { Figure } from './verdict.ts'

/** Precision of the Date header (RFC 9110 5.6.7), and of timestamps of most authorities, in ms. */
const PRECISION_MS = 1000

type Exchange = Pick<Reply, 'sentAt' | 'receivedAt'>

export class Clocks {
  readonly #answers: number[] = []
  readonly #timestamps: number[] = []

  /** Takes the time of an answer's Date header. */
  addAnswer({ headers, ...exchange }: Pick<Reply, 'headers'> & Exchange): void {
    const time = Date.parse(`${headers.date}`)
    if (!Number.isNaN(time)) {
      this.#answers.push(offsetOf(time, exchange))
    }
  }

  /** Takes the time of a timestamp that was made for an answer. */
  addTimestamp(time: Date, exchange: Exchange): void {
    this.#timestamps.push(offsetOf(time.getTime(), exchange))
  }

  /**
   * Reports how far the clocks differ, in seconds.
   *
   * @returns the figures of what was compared
   */
  report(report: Report, limits: { readonly warning: number; readonly critical: number }): Figure[] {
    const compared = [
      { of: 'the service', label: 'clock', offsets: this.#answers },
      { of: 'the timestamp authority', label: 'tsa clock', offsets: this.#timestamps },
    ].filter(({ offsets }) => offsets.length > 0)
    if (compared.length === 0) {
      report.skip(['clock'], 'no answer has a time')
      return []
    }
    const clocks = compared.map(({ of, label, offsets }) => {
      // An answer that came late says little, so the nearest one counts
      const nearest = Math.min(...offsets.map(Math.abs))
      const value = Number(offsets.find((one) => Math.abs(one) === nearest)) / 1000
      return { label, value, found: describe(of, value) }
    })
    const found = clocks.map((clock) => clock.found).join('; ')
    const farthest = Math.max(...clocks.map(({ value }) => Math.abs(value)))
    if (farthest > limits.critical) {
      report.failed('clock', found)
    } else {
      report[farthest > limits.warning ? 'warned' : 'passed']('clock', found)
    }
    const [warning, critical] = [limits.warning, limits.critical].map((limit) => `-${limit}:${limit}`)
    return clocks.map(({ label, value }) => ({
      ...{ label, value, unit: 's' as const },
      ...{ warning: `${warning}`, critical: `${critical}` },
    }))
  }
}

/**
 * Returns by how many ms a clock certainly differs from this one: 0 where it may agree, more than 0 where it is ahead.
 *
 * @param time what it showed at some moment of the exchange, in ms since 1970, cut to its precision
 */
export function offsetOf(time: number, { sentAt, receivedAt }: Exchange): number {
  if (time > receivedAt) {
    return time - receivedAt
  }
  return Math.min(0, time + PRECISION_MS - sentAt)
}

function describe(of: string, seconds: number): string {
  const by = `${Math.abs(seconds).toFixed(1)} s`
  if (seconds === 0) {
    return `that of ${of} agrees with this machine's`
  }
  return `that of ${of} is ${by} ${seconds > 0 ? 'ahead of' : 'behind'} this machine's`
}
