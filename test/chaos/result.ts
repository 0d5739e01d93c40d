/** What a scenario came to: figures that the table shows and the expectations judge. */
import type { Answered } from './load.ts'

export interface Result {
  readonly name: string
  readonly what: string
  readonly requests: number
  /** Answered with 200 and a signature that OpenSSL verified. */
  readonly signed: number
  /** How often there was which other answer, by status and code. */
  readonly refused: Readonly<Record<string, number>>
  /** Signatures that do not verify. */
  readonly wrong: number
  readonly unanswered: number
  readonly longestMs: number
  /** Ready all the time. */
  readonly stayedReady: boolean
  /**
   * From the end of the fault until it was ready for good and a signature came back; undefined where that did not
   * happen in time.
   */
  readonly recoveredMs: number | undefined
  /** The `hsm` state at the end. */
  readonly state: string
  /** Whether the HTTP process is the one that was there before. */
  readonly sameProcess: boolean
  /** How many signer processes were started for others that were lost. */
  readonly replaced: number
  /** C_Login calls on this server since it was started. */
  readonly logins: number
  /** Of the requests sent during the fault, in ms: 99 of 100 were answered sooner. */
  readonly p99: { readonly signed: number; readonly refused: number }
  readonly notes: readonly string[]
}

const OWN_COLUMNS = new Set(['signed', 'wrong signature', 'unanswered'])

/** Sums up what became of the requests. The fault's beginning and end are ms of `performance.now()`. */
export function summarize(answered: readonly Answered[], fault: { begin: number; end: number }) {
  const counts: Record<string, number> = {}
  for (const { outcome } of answered) {
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  const during = answered.filter(({ sentAt }) => sentAt >= fault.begin && sentAt < fault.end)
  return {
    requests: answered.length,
    signed: counts.signed ?? 0,
    refused: Object.fromEntries(Object.entries(counts).filter(([outcome]) => !OWN_COLUMNS.has(outcome))),
    wrong: counts['wrong signature'] ?? 0,
    unanswered: counts.unanswered ?? 0,
    longestMs: percentile(answered, 1),
    p99: {
      signed: percentile(
        during.filter(({ outcome }) => outcome === 'signed'),
        0.99,
      ),
      refused: percentile(
        during.filter(({ outcome }) => outcome.startsWith('503 ')),
        0.99,
      ),
    },
  }
}

/** The time that this share of them was answered in; 0 when there are none. */
function percentile(answered: readonly Answered[], share: number): number {
  const times = answered.map(({ sentAt, answeredAt }) => answeredAt - sentAt).sort((a, b) => a - b)
  return times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0
}
