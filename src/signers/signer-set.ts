import { setTimeout as delay } from 'node:timers/promises'
import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../configuration/configuration.ts'
import { findRestrictions, warnAboutUnused } from '../configuration/signer-certificate.ts'
import type {
  SignerCertificate,
  SignerConfiguration,
  SignersConfiguration,
} from '../configuration/signer-configuration.ts'
import { ConfigurationError, type TokenFields } from '../errors.ts'
import type { PoolKey } from '../pkcs11/pool/pool-keys.ts'
import type { PoolObserver } from '../pkcs11/pool/pool-options.ts'
import { SessionPool } from '../pkcs11/pool/session-pool.ts'
import { findValidityProblem } from '../x509/validity.ts'
import { createPoolKey } from './key-request.ts'
import type { RefusedPins } from './refused-pins.ts'
import { Signer, type SignerSources } from './signer.ts'
import type { Timestampers } from './timestampers.ts'
import {
  accessId,
  describeTokens,
  fitsPlan,
  indexOfKey,
  TokenLog,
  type TokenPlan,
  type TokenPool,
} from './token-pool.ts'

/** Time between the starts of two signer processes, in ms. */
const START_INTERVAL_MS = 50

export interface SignerSetOptions {
  readonly hsm: HsmConfiguration
  readonly log: BaseLogger
  /** Creates the observer of a token's pool. Its argument reads the name of the token, which may change. */
  readonly createObserver: (readToken: () => string) => PoolObserver
  /** Notes logins and refused PINs. */
  readonly pins: Pick<RefusedPins, 'allowLogin' | 'noteRefusal'>
  /** PIN in place of the one that the environment holds. */
  readonly givenPin?: string
  readonly revocations: SignerSources['revocations']
  readonly timestampers: Pick<Timestampers, 'for'>
  /** Called when the certificate of a signer was found on its token. */
  onCertificate(): void
}

/** Holds the signers of one state of the configuration, and their pools. It does not change. */
export class SignerSet {
  readonly signers: ReadonlyMap<string, Signer>
  /** Undefined if each request has to name its signer. */
  readonly defaultSigner: Signer | undefined
  readonly pools: readonly TokenPool[]
  /** The pools that were made for this set. */
  readonly ownPools: readonly TokenPool[]
  /** The fields of log lines about the tokens, in the order of the pools. */
  readonly #tokenFields: readonly TokenFields[]

  /**
   * Plans the pools, and opens none yet.
   *
   * @param onMisconfigured called when a token was reached and the configuration does not fit it
   * @param previous pools that are used again if they fit
   */
  constructor(
    configuration: SignersConfiguration,
    options: SignerSetOptions,
    onMisconfigured: (error: ConfigurationError) => void,
    previous: readonly TokenPool[] = [],
  ) {
    const keys = configuration.signers.map((signer) => ({
      signer,
      key: createPoolKey(signer, (found) => {
        warnAbout(signer, found, options.log)
        options.onCertificate()
      }),
    }))
    const createPool = (plan: TokenPlan, fields: TokenFields): TokenPool => {
      const log = new TokenLog(options.log, fields)
      return {
        ...plan,
        log,
        pool: new SessionPool({
          ...options,
          ...plan,
          log,
          observer: options.createObserver(() => log.fields.token),
          onMisconfigured: ({ problems }) =>
            onMisconfigured(
              new ConfigurationError(problems.map((problem) => ({ ...problem, token: log.fields }))),
            ),
          allowLogin: (told, ended) => options.pins.allowLogin(plan.access, told, ended),
          onPinRefused: (mayBeRight) => options.pins.noteRefusal(plan.access, mayBeRight),
        }),
      }
    }
    const plans = planTokens(keys.map(({ signer: { access }, key }) => ({ access, key })))
    this.#tokenFields = describeTokens(plans, configuration.signers)
    const pools = new Map(
      plans.map((plan, place) => [
        accessId(plan.access),
        previous.find((pool) => fitsPlan(pool, plan)) ??
          createPool(plan, this.#tokenFields[place] as TokenFields),
      ]),
    )
    const signers = keys.map(({ signer, key }) => {
      const { pool, keys } = pools.get(accessId(signer.access)) as TokenPool
      const { timestamps } = signer.container
      return new Signer(signer, pool, indexOfKey(key, keys), {
        revocations: options.revocations,
        timestamper: timestamps && options.timestampers.for(timestamps.authorities),
      })
    })
    this.pools = [...pools.values()]
    this.ownPools = this.pools.filter((pool) => !previous.includes(pool))
    this.signers = new Map(signers.map((signer) => [signer.name, signer]))
    this.defaultSigner = configuration.default === null ? undefined : this.signers.get(configuration.default)
  }

  /** Makes the log lines about tokens name the signers of this set. */
  describeTokens(): void {
    for (const [place, { log }] of this.pools.entries()) {
      log.fields = this.#tokenFields[place] as TokenFields
    }
  }

  /**
   * Starts the pools one after another: dozens of signer processes that start at once would keep requests waiting for seconds.
   *
   * @throws AbortError if `signal` is aborted meanwhile
   */
  async start(signal: AbortSignal): Promise<void> {
    for (const [place, { pool }] of this.ownPools.entries()) {
      if (place > 0) {
        await delay(START_INTERVAL_MS, undefined, { ref: false, signal })
      }
      pool.start()
    }
  }

  /** Logs warnings about signers. Those about keys and certificates on tokens are logged when these are opened. */
  warn(log: BaseLogger): void {
    for (const { pool } of this.pools.filter((kept) => !this.ownPools.includes(kept))) {
      pool.warnAboutKeys()
    }
    for (const { configuration } of this.signers.values()) {
      const { signerCertificate } = configuration
      if (signerCertificate !== undefined) {
        warnAbout(configuration, signerCertificate, log)
      }
    }
  }
}

/** Returns one plan for each token, with each key once. */
function planTokens(wanted: readonly { access: TokenPlan['access']; key: PoolKey }[]): TokenPlan[] {
  const plans = new Map<string, { access: TokenPlan['access']; keys: [PoolKey, ...PoolKey[]] }>()
  for (const { access, key } of wanted) {
    const plan = plans.get(accessId(access))
    if (plan === undefined) {
      plans.set(accessId(access), { access, keys: [key] })
    } else if (indexOfKey(key, plan.keys) < 0) {
      plan.keys.push(key)
    }
  }
  return [...plans.values()]
}

/** Logs warnings about a signer, which is used all the same. */
function warnAbout(
  configuration: SignerConfiguration,
  signerCertificate: SignerCertificate,
  log: BaseLogger,
): void {
  const { name, rules } = configuration
  const problem = findValidityProblem(signerCertificate.validity, new Date(), rules.minimumDaysLeft)
  const invalid = problem === undefined ? [] : [`${problem}. Nothing is signed at present`]
  const unused = warnAboutUnused(signerCertificate)
  for (const warning of [
    ...invalid,
    ...(unused === undefined ? [] : [unused]),
    ...listWarnings(configuration, signerCertificate),
  ]) {
    log.warn({ signer: name }, warning)
  }
}

/** Returns warnings on what validators or callers may refuse, each a sentence without its capital. */
export function listWarnings(
  configuration: Pick<SignerConfiguration, 'rules' | 'container'>,
  signerCertificate: SignerCertificate,
): string[] {
  return [...findRestrictions(configuration, signerCertificate), ...signerCertificate.warnings]
}
