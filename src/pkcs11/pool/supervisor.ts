import { isDeepStrictEqual } from 'node:util'
import { defined } from '../../common/defined.ts'
import { listSome } from '../../common/quote.ts'
import { RepeatedWarning } from '../../common/repeated-warning.ts'
import { pinOfEnvironment } from '../../configuration/pin.ts'
import type { TokenSelector } from '../../configuration/signer-configuration.ts'
import { ConfigurationError } from '../../errors.ts'
import {
  type FoundToken,
  type FromOpenToken,
  type FromSignerProcess,
  isFound,
  type KeyOutcome,
  type OpenFailure,
  type ToSignerProcess,
} from '../messages.ts'
import type { ToldPin } from '../pin-version.ts'
import { explainUser } from '../return-values.ts'
import { LoginGuard } from './login-guard.ts'
import { problemOf } from './pool-keys.ts'
import type { PoolOptions, RestartReason } from './pool-options.ts'
import { zombieLimit } from './session-timeouts.ts'
import { SignerProcess } from './signer-process.ts'
import { startByParent, startHere } from './starting.ts'
import { backoffMs, OpenPatience, pinMs, retryMs } from './waits.ts'

/** A process that could not open the token for so long is replaced: its library may be what is broken. */
const LONGEST_OPENING_MS = 60_000
const CLOSE_TIMEOUT_MS = 3_000

export type HsmState = 'starting' | 'ready' | 'unavailable' | 'pin refused' | 'misconfigured' | 'closing'

export interface SupervisorEvents {
  /**
   * The token is open.
   *
   * @throws ConfigurationError when what was found on it cannot be used with this configuration
   */
  onOpened(keys: readonly KeyOutcome[]): void
  /** The process says something about the open token. */
  onMessage(message: FromOpenToken): void
  /** The process has gone and all that was in flight in it. */
  onLost(): void
}

/**
 * Keeps one signer process running. A process that crashes before it signs is started anew with backoff; a token that is
 * away, or does not sign, is tried again every second, so that it is in use soon after it is back; after the token
 * refused the PIN, nothing is tried again.
 */
export class Supervisor {
  readonly #options: PoolOptions
  readonly #events: SupervisorEvents
  readonly #warning: RepeatedWarning
  readonly #patience: OpenPatience
  #process: SignerProcess | undefined
  readonly #login = new LoginGuard()
  /** Ends the login that is wanted or under way, so that others at the same token may begin. */
  #endLogin: () => void = () => {}
  #everReady = false
  /** Time at which the last process was started, in ms of `performance.now()`. */
  #startedAt = 0
  /** Processes that crashed before they signed, since one last signed. */
  #crashes = 0
  /** Label of the token that was opened last. */
  #label: string | undefined
  /** The token as the log last described it; undefined once it signs, as the next opening is news again. */
  #loggedOpening: object | undefined
  /** Ends the wait for the token to open, or for the next try. */
  #timer: NodeJS.Timeout | undefined
  /** Time at which the next process is started, in ms of `performance.now()`; 0 while one runs. */
  #restartAt = 0
  #state: { state: HsmState; since: Date; reason?: string } = { state: 'starting', since: new Date() }

  constructor(options: PoolOptions, events: SupervisorEvents) {
    this.#options = options
    this.#events = events
    this.#warning = new RepeatedWarning(options.log)
    this.#patience = new OpenPatience(pinMs(options.access.pin))
  }

  get state(): { readonly state: HsmState; readonly since: Date; readonly reason?: string } {
    return this.#state
  }

  /** Returns whether signing is out of the question until `deadline` (ms of `performance.now()`). */
  isUnavailableUntil(deadline: number): boolean {
    const { state } = this.#state
    return (
      state === 'pin refused' ||
      state === 'misconfigured' ||
      state === 'closing' ||
      this.#restartAt >= deadline
    )
  }

  /** Returns whether the PIN was told to a token that has neither accepted nor refused it. */
  get isLoginPending(): boolean {
    return this.#login.pending
  }

  start(): void {
    this.#restartAt = 0
    this.#startedAt = performance.now()
    try {
      const { sessions, apart } = this.#options.hsm
      const started: SignerProcess = new SignerProcess(
        (apart ? startByParent : startHere)(sessions + zombieLimit(sessions)),
        (message) => started === this.#process && this.#receive(message),
        (how) => started === this.#process && this.#lost(`the signer process ended (${how})`, 'crash'),
      )
      this.#process = started
    } catch (error) {
      this.#lost(`the signer process cannot be started (${(error as NodeJS.ErrnoException).code})`, 'crash')
      return
    }
    this.#open()
  }

  /** Starts again after the configuration did not fit the token, unless it does so already. */
  retry(): void {
    if (this.#state.state === 'misconfigured' && this.#process === undefined) {
      this.start()
    }
  }

  send(message: ToSignerProcess): void {
    this.#process?.send(message)
  }

  /** Notes that a test signature verified. Returns whether it is the first one of its process. */
  markReady(): boolean {
    if (this.#state.state === 'ready' || this.#state.state === 'closing') {
      return false
    }
    this.#everReady = true
    this.#warning.reset()
    this.#loggedOpening = undefined
    this.#setState('ready')
    this.#options.log.info({}, 'the HSM signs')
    return true
  }

  /** Kills the process and starts another, which helps against faults inside it. */
  replace(reason: string, kind: RestartReason): void {
    if (this.#process !== undefined) {
      this.#process.kill()
      this.#lost(reason, kind)
    }
  }

  /** Stops for good: the PIN must not be tried again until somebody has corrected it. */
  refusePin(returnValue: string): void {
    const { access, keys } = this.#options
    const kind = 'secretId' in access.pin ? 'secret' : 'file'
    const remedy =
      'variable' in access.pin
        ? `correct ${access.pin.variable}, then restart`
        : `correct the ${kind} of ${keys[0].settings.pin}, then send SIGHUP`
    const advice = explainUser(returnValue)
    this.#stopForPin(
      advice === undefined
        ? `the token refused the PIN; it is not tried again, since wrong PINs lock the user: ${remedy}`
        : `the token refused the login, which is not tried again: ${advice}, then send SIGHUP`,
      `the token refused the PIN (${returnValue})`,
      { details: { returnValue }, mayBeRight: advice !== undefined },
    )
  }

  /**
   * Stops where the configuration does not fit what is on the token. After the first signature it tries again instead,
   * since the token may be on its way back.
   */
  misconfigured(error: ConfigurationError, reason: string): void {
    if (this.#everReady) {
      this.#warning.warn(`the token no longer fits the configuration: ${error.message}`)
      this.#giveUp(reason)
    } else {
      this.#stop('misconfigured', reason)
      this.#options.onMisconfigured(error)
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#setState('closing')
    const running = this.#forgetProcess()
    await running?.close(CLOSE_TIMEOUT_MS)
  }

  #open(): void {
    this.#timer = setTimeout(() => {
      this.#patience.exhausted()
      this.replace('the token does not answer', 'hang')
    }, this.#patience.begin())
    const { access, keys } = this.#options
    const { givenPin = pinOfEnvironment(access.pin) } = this.#options
    this.send({
      type: 'open',
      access: { ...access, token: this.#selectSame(access.token) },
      keys: keys.map(({ request }) => request),
      ...defined({ givenPin }),
    })
  }

  /**
   * Selects the token that has signed, where neither its label nor its serial number is configured: another one may be in its place
   * for a while, and must not be told its PIN.
   */
  #selectSame(selector: TokenSelector): TokenSelector {
    const isNamed = selector.label !== undefined || selector.serial !== undefined
    return isNamed || !this.#everReady ? selector : { ...selector, ...defined({ label: this.#label }) }
  }

  #receive(message: FromSignerProcess): void {
    switch (message.type) {
      case 'opened':
        return this.#opened(message.token, message.keys)
      case 'open-failed':
        return this.#openFailed(message.failure)
      case 'login-wanted':
        return void this.#allowLogin(message.told)
      case 'login-answered':
        this.#options.observer.loggedIn(message.returnValue)
        if (!this.#login.answered(message.returnValue)) {
          this.refusePin(message.returnValue)
        }
        return this.#endLogin()
      default:
        return this.#events.onMessage(message)
    }
  }

  /** Has the process call `C_Login`, unless the token refused this PIN before, be it told by another process. */
  async #allowLogin(told: ToldPin): Promise<void> {
    const asking = this.#process
    const ended = new Promise<void>((resolve) => {
      this.#endLogin = resolve
    })
    const { allowLogin = async () => true } = this.#options
    const isAllowed = await allowLogin(told, ended)
    // The process may have been replaced meanwhile
    if (asking === this.#process) {
      this.#answerLogin(isAllowed)
    }
  }

  #answerLogin(isAllowed: boolean): void {
    if (isAllowed) {
      this.#login.begun()
      this.send({ type: 'login-allowed' })
    } else {
      this.refusePin('it did so before')
    }
  }

  #opened(foundToken: FoundToken, keys: readonly KeyOutcome[]): void {
    const { log } = this.#options
    clearTimeout(this.#timer)
    this.#patience.opened()
    this.#label = foundToken.label
    // Signers with one key have one each where the certificate is on the token
    const found = keys.filter(isFound).map(({ label, id }) => [`${id} ${label}`, { label, id }] as const)
    const foundKeys = [...new Map(found).values()]
    const opening = { foundToken, keys: foundKeys }
    if (!isDeepStrictEqual(opening, this.#loggedOpening)) {
      this.#loggedOpening = opening
      log.info(opening, 'token opened')
    }
    try {
      this.#events.onOpened(keys)
    } catch (error) {
      if (error instanceof ConfigurationError) {
        const places = [...new Set(error.problems.map(({ variable }) => variable))]
        const wrong = listSome(places, (place) => place)
        this.misconfigured(
          error,
          `the keys on the token do not fit the configuration (${wrong}); the log has the details`,
        )
      } else {
        log.error({ err: error }, 'the token cannot be used')
        this.#giveUp('the token cannot be used')
      }
    }
  }

  #openFailed(failure: OpenFailure): void {
    clearTimeout(this.#timer)
    if (failure.kind === 'pin') {
      this.refusePin(failure.returnValue)
    } else if (failure.kind === 'configuration') {
      const problem = problemOf(failure, this.#options.keys[0].settings)
      this.misconfigured(new ConfigurationError([problem]), failure.reason)
    } else {
      this.#warning.warn(failure.message)
      if (performance.now() - this.#startedAt > LONGEST_OPENING_MS) {
        this.#giveUp(failure.reason)
      } else {
        // The same process tries again: nothing in it hangs, and that costs less than starting another
        this.#setState('unavailable', failure.reason)
        this.#timer = setTimeout(() => this.#open(), retryMs())
      }
    }
  }

  /** Has the process end in good order, as nothing in it hangs, and starts another later. */
  #giveUp(reason: string): void {
    void this.#process?.close(CLOSE_TIMEOUT_MS)
    this.#lost(reason, 'hsm')
  }

  /** @param message for the log */
  #stopForPin(message: string, reason: string, { details = {}, mayBeRight = false } = {}): void {
    this.#options.log.error(details, message)
    this.#stop('pin refused', reason)
    this.#options.onPinRefused?.(mayBeRight)
  }

  #stop(state: 'pin refused' | 'misconfigured', reason: string): void {
    clearTimeout(this.#timer)
    this.#setState(state, reason)
    const running = this.#forgetProcess()
    this.#events.onLost()
    void running?.close(CLOSE_TIMEOUT_MS)
  }

  #lost(reason: string, kind: RestartReason): void {
    clearTimeout(this.#timer)
    this.#forgetProcess()
    if (this.#login.exhausted) {
      this.#stopForPin(
        'the token does not answer the login; it is not tried again, as wrong PINs lock the user',
        'the token does not answer the login',
      )
      return
    }
    const delay = this.#restartDelayMs(kind)
    this.#setState('unavailable', reason)
    this.#restartAt = performance.now() + delay
    this.#timer = setTimeout(() => this.start(), delay)
    this.#options.observer.restarted(kind)
    this.#warning.warn(`starting the signer process again: ${reason}`, { delayMs: Math.round(delay) })
    this.#events.onLost()
  }

  /** Returns the process, whose messages count no longer. */
  #forgetProcess(): SignerProcess | undefined {
    const running = this.#process
    this.#process = undefined
    this.#endLogin()
    return running
  }

  /** Returns how long to wait before the next start, in ms: about a second since the last, and more after crashes. */
  #restartDelayMs(kind: RestartReason): number {
    const signed = this.#state.state === 'ready'
    if (kind === 'crash' && !signed) {
      this.#crashes += 1
      return backoffMs(this.#crashes)
    }
    this.#crashes = signed ? 0 : this.#crashes
    return Math.max(0, this.#startedAt + retryMs() - performance.now())
  }

  #setState(state: HsmState, reason?: string): void {
    const since = state === this.#state.state ? this.#state.since : new Date()
    this.#state = { state, since, ...defined({ reason }) }
  }
}
