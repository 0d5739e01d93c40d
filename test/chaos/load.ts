import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { send } from '../support/http.ts'
import type { Judge } from './judge.ts'

/** How long a client waits that was told 503, or nothing: refusals would come by the thousand otherwise. */
const AFTER_REFUSAL_MS = 100
/** How often requests of an open loop are sent: some at once each time. */
const TICK_MS = 5

const UNANSWERED = 'unanswered'

/** What became of one request. Times are those of `performance.now()`. */
export interface Answered {
  readonly sentAt: number
  readonly answeredAt: number
  /** As the judge names them, or `unanswered`. */
  readonly outcome: string
  /** Why there is no answer, where there is none. */
  readonly error?: string
}

export interface LoadOptions {
  readonly url: string
  readonly judge: Judge
  /** How long each client waits between an answer and its next request. */
  readonly pauseMs: number
  /** What has not been answered then counts as unanswered, as does what the connection broke under. */
  readonly answerWithinMs: number
}

/** Clients on kept connections, each of which has one request in flight at a time (a closed loop). */
export class Load {
  readonly #options: LoadOptions
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY })
  readonly #running: Promise<void>[] = []
  #stopped = false
  #offering = false
  /** In the order of the answers. */
  readonly answered: Answered[] = []

  constructor(options: LoadOptions) {
    this.#options = options
  }

  /** @param requests ends the clients after so many requests of all of them; never by default */
  start(clients: number, requests = Number.POSITIVE_INFINITY): void {
    let left = requests
    for (let client = 0; client < clients; client++) {
      this.#running.push(
        this.#loop(() => {
          left -= 1
          return left >= 0
        }),
      )
    }
  }

  /** Sends so many requests a second, whether earlier ones were answered or not (an open loop); the clients pause. */
  async offer(perSecond: number, ms: number): Promise<void> {
    this.#offering = true
    const begin = performance.now()
    for (let sent = 0; ; ) {
      const elapsed = Math.min(performance.now() - begin, ms)
      for (; sent < (elapsed * perSecond) / 1000; sent++) {
        this.#running.push(this.#request().then(() => {}))
      }
      if (elapsed === ms) {
        this.#offering = false
        return
      }
      await delay(TICK_MS)
    }
  }

  /** Resolves when the last request has its answer; clients without a number of requests must be stopped. */
  async drained(): Promise<void> {
    await Promise.all(this.#running)
    this.#agent.destroy()
  }

  /** No more requests; resolves when those in flight have their answers. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.drained()
  }

  async #loop(goesOn: () => boolean): Promise<void> {
    while (!this.#stopped && goesOn()) {
      const outcome = await this.#request()
      const refused = outcome === UNANSWERED || outcome.startsWith('503 ')
      const pauseMs = refused ? AFTER_REFUSAL_MS : this.#options.pauseMs
      if (pauseMs > 0) {
        await delay(pauseMs)
      }
      while (this.#offering) {
        await delay(TICK_MS)
      }
    }
  }

  async #request(): Promise<string> {
    const { url, judge, answerWithinMs } = this.#options
    const request = judge.nextRequest()
    const sentAt = performance.now()
    const sending = send(`${url}/sign`, {
      method: 'POST',
      body: request.body,
      agent: this.#agent,
      timeoutMs: answerWithinMs,
    })
    try {
      const answer = await sending
      const answeredAt = performance.now()
      const outcome = judge.outcome(request, answer)
      this.answered.push({ sentAt, answeredAt, outcome })
      return outcome
    } catch (error) {
      const { message } = error as Error
      this.answered.push({ sentAt, answeredAt: performance.now(), outcome: UNANSWERED, error: message })
      return UNANSWERED
    }
  }
}
