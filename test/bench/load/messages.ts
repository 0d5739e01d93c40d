/** What the load generator is told, and what it tells. */
import type { Answers } from '../figures.ts'

export interface CheckedRequest {
  /** JSON. */
  readonly body: string
  /** The one right answer to it. */
  readonly expected: Uint8Array
}

/** Requests one after another over each of some connections, some time before the measurement and until it is over. */
export interface LoadOrder {
  readonly type: 'load'
  /** Addresses of the callback, to which the connections are spread. */
  readonly urls: readonly string[]
  /** Which are spread over the connections: each repeats its own. */
  readonly requests: readonly CheckedRequest[]
  readonly inFlight: number
  readonly rampMs: number
  readonly seconds: number
  /** How long it goes on after the measurement. */
  readonly watchSeconds: number
  /** How long a client waits that was told HSM_BUSY. */
  readonly afterBusyMs?: number
}

/** A document that is a pattern repeated. */
export interface DocumentKind {
  /** Bytes. */
  readonly size: number
  /** Where the body names it: so the service knows what to hash with, or does not know yet. */
  readonly hashAlgorithm: 'before' | 'behind'
}

/** Documents of one kind for `sign_pkcs7`, streamed. */
export interface DocumentsOrder {
  readonly type: 'documents'
  readonly url: string
  readonly document: DocumentKind
  readonly expected: Uint8Array
  readonly count: number
  readonly atOnce: number
}

export type LoadMessage =
  /** The measurement begins. */
  | { readonly type: 'begun' }
  /** It is over, and the load goes on. */
  | { readonly type: 'over'; readonly measured: Measured }
  /** The load is over, too; what is in flight will still be answered. */
  | { readonly type: 'watched' }
  /** Nothing is in flight any more. */
  | { readonly type: 'drained'; readonly answers: Answers; readonly longest: number }

export interface Measured {
  readonly seconds: number
  /** Within the measurement. */
  readonly answers: Answers
  /** Of the right ones, in ms. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number }
}
