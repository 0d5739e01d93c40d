import type { HsmConfiguration } from '../../configuration/configuration.ts'
import type { ServiceTime } from './service-time.ts'
import type { Session } from './session.ts'

/** A session that is still opening after this time hangs. */
const OPENING_MS = 10_000
/** A login that takes half of the time that a request has, and at least this long, hangs. */
const LOGIN_MS = 1_000
/** A session is a zombie when its call takes this much longer than a request may take. */
const LATE_MS = 100
/** The event loop stood still when nobody looked at the sessions for this long: answers wait to be read. */
const STALL_MS = 1_000
/** A call is stuck that takes half of the time there is, and this many times as long as others lately. */
const SLOW_FACTOR = 4
/** The next job waits for so long in any case: to have it signed twice would cost more. */
const SLOW_MS = 50
/** A signer process needs so long until it signs. */
const START_MS = 1_000
/** Sessions that bring no signature for this long are lost, however often they are tested. */
const SHORTEST_SILENCE_MS = 30_000

/** Returns how many of so many sessions may be zombies: with one more, their signer process is replaced. */
export function zombieLimit(sessions: number): number {
  return Math.floor(sessions / 2)
}

/** Judges sessions by the clock. All times are ms of `performance.now()`. */
export class SessionTimeouts {
  readonly #hsm: Pick<HsmConfiguration, 'timeoutMs' | 'keepAliveMs'>
  readonly #serviceTime: ServiceTime
  readonly #pinMs: number
  #lookedAt = performance.now()

  /** @param pinMs time that the PIN may take to be read before each login */
  constructor(
    hsm: Pick<HsmConfiguration, 'timeoutMs' | 'keepAliveMs'>,
    serviceTime: ServiceTime,
    pinMs: number,
  ) {
    this.#hsm = hsm
    this.#serviceTime = serviceTime
    this.#pinMs = pinMs
  }

  /** Returns whether the event loop stood still since the last look. */
  stoodStill(now: number): boolean {
    return now - this.#lookedAt > STALL_MS
  }

  /** Notes a look at the sessions. */
  looked(now: number): void {
    this.#lookedAt = now
  }

  /**
   * The time without a signature after which sessions are lost. Idle ones make test signatures each `keepAliveMs`, and a
   * call may take `timeoutMs`.
   */
  get silenceMs(): number {
    return Math.max(2 * this.#hsm.keepAliveMs, 2 * this.#hsm.timeoutMs, SHORTEST_SILENCE_MS)
  }

  hangs({ call, state }: Session, now: number): boolean {
    if (call === undefined || state === 'zombie') {
      return false
    }
    return now - call.since > (call.type === 'reopen' ? OPENING_MS : this.#hsm.timeoutMs + LATE_MS)
  }

  /** Returns whether a login takes so long that the requests, which all wait for it, are better given to another process. */
  loginHangs(since: number | undefined, now: number): boolean {
    return since !== undefined && now - since > Math.max(this.#hsm.timeoutMs / 2, LOGIN_MS) + this.#pinMs
  }

  /** Returns whether a signature takes so long, when others did not lately, that it may never come. */
  isStuck({ call }: Session, now: number): boolean {
    const { ms } = this.#serviceTime
    return (
      call?.type === 'sign' &&
      ms !== undefined &&
      now - call.since > Math.max(this.#hsm.timeoutMs / 2, SLOW_FACTOR * ms)
    )
  }

  /** Returns whether a call takes so much longer than signatures lately that the next job is better given to another session. */
  isSlow({ callingSince }: Session, now: number): boolean {
    const { ms = 0 } = this.#serviceTime
    return now - callingSince > Math.max(SLOW_FACTOR * ms, SLOW_MS)
  }

  /** Returns whether all of them are stuck, and another process can still sign what they work on. */
  areLost(sessions: readonly Session[], now: number): boolean {
    return (
      this.#hsm.timeoutMs / 2 >= START_MS &&
      sessions.every((session) => session.state === 'zombie' || this.isStuck(session, now))
    )
  }

  isUnused({ since }: Session, now: number): boolean {
    return now - since >= this.#hsm.keepAliveMs / 2
  }
}
