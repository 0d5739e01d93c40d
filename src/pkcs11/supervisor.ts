import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../config.ts'
import { ConfigurationError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type {
  FoundKey,
  FoundToken,
  FromSession,
  FromSignerProcess,
  OpenFailure,
  ToSignerProcess,
} from './messages.ts'
import type { TokenFailure } from './return-values.ts'
import { SignerProcess } from './signer-process.ts'

/** A token that has not been opened after this time hangs. */
const OPEN_TIMEOUT_MS = 30_000
const CLOSE_TIMEOUT_MS = 3_000
/** A process that signed for this long did not fail at its start: the next one is started at once. */
const STABLE_MS = 10_000

export type HsmState = 'starting' | 'ready' | 'unavailable' | 'pin refused' | 'misconfigured' | 'closing'

export interface SupervisorEvents {
  /**
   * The token is open and the key found.
   *
   * @throws ConfigurationError when the key cannot be used with this configuration
   */
  onOpened(key: FoundKey): void
  onSessionMessage(message: FromSession): void
  onLoggedIn(): void
  onLogInFailed(failure: TokenFailure): void
  /** The process has gone and all that was in flight in it. */
  onLost(): void
  /** It will never work with this configuration, and did not once so far. */
  onMisconfigured(error: ConfigurationError): void
}

/**
 * Keeps one signer process running: starts it, opens the token, starts it anew with backoff when it or the token
 * fails, and never again after the token refused the PIN.
 */
export class Supervisor {
  readonly #hsm: HsmConfiguration
  readonly #publicKey: Uint8Array | undefined
  readonly #events: SupervisorEvents
  readonly #log: BaseLogger
  #process: SignerProcess | undefined
  #failures = 0
  #everReady = false
  #openTimer: NodeJS.Timeout | undefined
  #restartTimer: NodeJS.Timeout | undefined
  #restartAt = 0
  #state: { state: HsmState; since: Date; reason?: string } = { state: 'starting', since: new Date() }

  /** @param publicKey DER SubjectPublicKeyInfo of the signer certificate, where a file gives it */
  constructor(
    hsm: HsmConfiguration,
    publicKey: Uint8Array | undefined,
    events: SupervisorEvents,
    log: BaseLogger,
  ) {
    this.#hsm = hsm
    this.#publicKey = publicKey
    this.#events = events
    this.#log = log
  }

  get state(): { readonly state: HsmState; readonly since: Date; readonly reason?: string } {
    return this.#state
  }

  /** Whether signing is out of the question until `deadline` (ms of `performance.now()`). */
  isHopelessUntil(deadline: number): boolean {
    const { state } = this.#state
    return (
      state === 'pin refused' ||
      state === 'misconfigured' ||
      state === 'closing' ||
      (this.#restartTimer !== undefined && this.#restartAt >= deadline)
    )
  }

  start(): void {
    this.#restartTimer = undefined
    try {
      const started: SignerProcess = new SignerProcess(
        (message) => started === this.#process && this.#receive(message),
        (how) => started === this.#process && this.#lost(`the signer process ended (${how})`),
      )
      this.#process = started
    } catch (error) {
      this.#lost(`the signer process cannot be started (${(error as Error).message})`)
      return
    }
    this.#openTimer = setTimeout(() => this.replace('the token does not answer'), OPEN_TIMEOUT_MS)
    this.send({
      type: 'open',
      hsm: this.#hsm,
      ...(this.#publicKey === undefined ? {} : { publicKey: this.#publicKey }),
    })
  }

  send(message: ToSignerProcess): void {
    this.#process?.send(message)
  }

  /** A test signature verified. */
  markReady(): void {
    if (this.#state.state !== 'ready' && this.#state.state !== 'closing') {
      this.#everReady = true
      this.#setState('ready')
      this.#log.info('the HSM signs')
    }
  }

  /** Kills the process and starts another: the cure for what does not heal inside it. */
  replace(reason: string): void {
    if (this.#process !== undefined) {
      this.#process.kill()
      this.#lost(reason)
    }
  }

  /** Stops for good: the PIN must not be tried again until somebody has corrected it. */
  refusePin(returnValue: string): void {
    this.#log.error(
      { returnValue },
      'the token refused the PIN; it is not tried again, since wrong PINs lock the user: correct it and start anew',
    )
    this.#stop('pin refused', `the token refused the PIN (${returnValue})`)
  }

  async close(): Promise<void> {
    clearTimeout(this.#restartTimer)
    clearTimeout(this.#openTimer)
    this.#setState('closing')
    const running = this.#process
    this.#process = undefined
    await running?.close(CLOSE_TIMEOUT_MS)
  }

  #receive(message: FromSignerProcess): void {
    switch (message.type) {
      case 'opened':
        return this.#opened(message.token, message.key)
      case 'open-failed':
        return this.#openFailed(message.failure)
      case 'logged-in':
        return this.#events.onLoggedIn()
      case 'log-in-failed':
        return this.#events.onLogInFailed(message.failure)
      default:
        return this.#events.onSessionMessage(message)
    }
  }

  #opened(token: FoundToken, key: FoundKey): void {
    clearTimeout(this.#openTimer)
    this.#log.info({ token, key: { label: key.label, id: key.id } }, 'token opened')
    try {
      this.#events.onOpened(key)
      this.send({ type: 'start-sessions', count: this.#hsm.sessions })
    } catch (error) {
      if (error instanceof ConfigurationError) {
        this.#misconfigured(error, 'the private key does not fit the signer certificate')
      } else {
        this.#log.error({ err: error }, 'the private key cannot be used')
        this.#giveUp('the private key cannot be used')
      }
    }
  }

  #openFailed(failure: OpenFailure): void {
    if (failure.kind === 'pin') {
      this.refusePin(failure.returnValue)
    } else if (failure.kind === 'configuration') {
      this.#misconfigured(new ConfigurationError([failure]), failure.reason)
    } else {
      this.#log.warn(failure.message)
      this.#giveUp(failure.reason)
    }
  }

  /** Has the process end in good order, as nothing in it hangs, and starts another later. */
  #giveUp(reason: string): void {
    void this.#process?.close(CLOSE_TIMEOUT_MS)
    this.#lost(reason)
  }

  /** Before the first signature it stops the start; later the token may be on its way back, so it is tried again. */
  #misconfigured(error: ConfigurationError, reason: string): void {
    if (this.#everReady) {
      this.#log.error({ problems: error.problems }, 'the token no longer fits the configuration')
      this.#giveUp(reason)
    } else {
      this.#stop('misconfigured', reason)
      this.#events.onMisconfigured(error)
    }
  }

  #stop(state: 'pin refused' | 'misconfigured', reason: string): void {
    clearTimeout(this.#openTimer)
    this.#setState(state, reason)
    const running = this.#process
    this.#process = undefined
    this.#events.onLost()
    void running?.close(CLOSE_TIMEOUT_MS)
  }

  #lost(reason: string): void {
    clearTimeout(this.#openTimer)
    clearTimeout(this.#restartTimer)
    const { state, since } = this.#state
    this.#process = undefined
    this.#failures = state === 'ready' && Date.now() - since.getTime() > STABLE_MS ? 0 : this.#failures
    const delay = backoffMs(this.#failures)
    this.#failures += 1
    this.#setState('unavailable', reason)
    this.#restartAt = performance.now() + delay
    this.#restartTimer = setTimeout(() => this.start(), delay)
    this.#log.warn({ reason, delayMs: Math.round(delay) }, 'starting the signer process again')
    this.#events.onLost()
  }

  #setState(state: HsmState, reason?: string): void {
    const since = state === this.#state.state ? this.#state.since : new Date()
    this.#state = { state, since, ...(reason === undefined ? {} : { reason }) }
  }
}
