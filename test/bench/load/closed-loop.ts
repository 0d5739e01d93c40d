import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import autocannon, { type Client } from 'autocannon'
import { BUSY, RIGHT } from '../figures.ts'
import { AnswerCount, outcomeOf } from './answer-count.ts'
import type { LoadMessage, LoadOrder } from './messages.ts'

const TIMEOUT_S = 30
/** Connections that break are opened anew at once: a service that has gone would be asked without an end. */
const MOST_BROKEN = 100
const MICROSECONDS = 1_000
/** What an idle server takes to accept connections. */
const ACCEPT_MS = 50

/** Load by clients that send a request as soon as the last one is answered, each over a connection of its own. */
export class ClosedLoop {
  readonly #order: LoadOrder
  readonly #clients: Client[] = []
  readonly #answers = new AnswerCount()
  readonly #latency = createHistogram()
  #measured = new AnswerCount()
  /** First requests, until all are connected. */
  #waiting: (() => void)[] | undefined = []
  #measuring = false
  /** Resolves when a measurement has an answer: without one its figures would be no numbers. */
  readonly #firstMeasured: Promise<void>
  #tellFirstMeasured: () => void = () => {}
  #answered = 0
  #broken = 0
  #longest = 0

  constructor(order: LoadOrder) {
    this.#order = order
    this.#firstMeasured = new Promise((resolve) => {
      this.#tellFirstMeasured = resolve
    })
  }

  async run(tell: (message: LoadMessage) => void): Promise<void> {
    const { urls, inFlight, rampMs, seconds, watchSeconds } = this.#order
    const ended = autocannon({
      url: urls,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      connections: inFlight,
      // Until the clients are told to end
      duration: 1e6,
      timeout: TIMEOUT_S,
      sampleInt: 20,
      setupClient: (client) => this.#prepare(client),
    })
    await this.#connected()
    await delay(rampMs)
    this.#measured = new AnswerCount()
    this.#latency.reset()
    this.#measuring = true
    tell({ type: 'begun' })
    const begin = performance.now()
    await delay(seconds * 1_000)
    await Promise.race([this.#firstMeasured, ended])
    this.#measuring = false
    tell({
      type: 'over',
      measured: {
        seconds: (performance.now() - begin) / 1_000,
        answers: this.#measured.all,
        latency: { p50: this.#percentile(50), p99: this.#percentile(99), p999: this.#percentile(99.9) },
      },
    })
    await delay(watchSeconds * 1_000)
    tell({ type: 'watched' })
    for (const client of this.#clients) {
      client.responseMax = client.reqsMade
    }
    await ended
    const unanswered = this.#clients.reduce((sum, { reqsMade }) => sum + reqsMade, 0) - this.#answered
    if (unanswered > 0) {
      this.#answers.add('no answer', unanswered)
    }
    tell({ type: 'drained', answers: this.#answers.all, longest: this.#longest })
  }

  /** A busy server takes one connection each time it has served all others: all must be there before it is. */
  async #connected(): Promise<void> {
    const connecting = ({ conn }: Client) => conn === undefined || conn.connecting
    while (this.#clients.length < this.#order.inFlight || this.#clients.some(connecting)) {
      await delay(ACCEPT_MS)
    }
    await delay(ACCEPT_MS)
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const send of waiting) {
      send()
    }
  }

  #prepare(client: Client): void {
    const { requests, afterBusyMs = 0 } = this.#order
    const request = requests[this.#clients.length % requests.length]
    this.#clients.push(client)
    client.setBody(request?.body ?? '')
    let chunks: Buffer[] = []
    // autocannon would make text of it
    client.pipelinedRequests.addBody = (chunk) => {
      chunks.push(chunk)
    }
    let busy = false
    client.on('response', (statusCode: number, _: number, ms: number) => {
      const outcome = outcomeOf(statusCode, Buffer.concat(chunks), request?.expected ?? Buffer.alloc(0))
      busy = outcome === BUSY
      this.#count(outcome, ms)
      chunks = []
    })
    const send = client._doRequest.bind(client)
    client._doRequest = () => {
      if (this.#waiting !== undefined) {
        this.#waiting.push(send)
      } else if (busy && afterBusyMs > 0) {
        setTimeout(send, afterBusyMs)
      } else {
        send()
      }
    }
    client.on('connError', () => {
      chunks = []
      this.#broken += 1
      if (this.#broken === MOST_BROKEN) {
        for (const one of this.#clients) {
          one.destroy()
        }
      }
    })
  }

  #count(outcome: string, ms: number): void {
    this.#answered += 1
    this.#answers.add(outcome)
    this.#longest = Math.max(this.#longest, ms)
    if (this.#measuring) {
      this.#measured.add(outcome)
      this.#tellFirstMeasured()
      if (outcome === RIGHT) {
        this.#latency.record(Math.max(1, Math.round(ms * MICROSECONDS)))
      }
    }
  }

  /** ms; 0 where nothing was right. */
  #percentile(percent: number): number {
    return this.#latency.count === 0 ? 0 : this.#latency.percentile(percent) / MICROSECONDS
  }
}
