/** Checks signers before they take the place of others. */
import { setTimeout as delay } from 'node:timers/promises'
import { describeValue } from '../common/quote.ts'
import {
  CERTIFICATE_REVOKED,
  ConfigurationError,
  type ConfigurationProblem,
  HSM_BUSY,
  HSM_TIMEOUT,
  HSM_UNAVAILABLE,
  refuseProblems,
} from '../errors.ts'
import { findValidityProblem, type ValidityPeriod } from '../x509/validity.ts'
import type { RefusedPins } from './refused-pins.ts'
import type { Signer } from './signer.ts'
import type { SignerSet } from './signer-set.ts'
import { accessId, type TokenPool } from './token-pool.ts'

/** Time that a token that cannot be opened at once, or does not answer, has for it, in ms. */
const PATIENCE_MS = 15_000
const POLL_MS = 50

/** Errors after which the HSM may make a test signature later. */
const TEMPORARY_ERRORS = [HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE]

/**
 * Refuses a certificate that is not valid, or too near to its end, if it would make a signer useless that was not.
 *
 * @throws ConfigurationError
 */
export function refuseNewlyInvalid(next: SignerSet, before: SignerSet): void {
  const suspects = [...next.signers.values()].filter((signer) => {
    const former = before.signers.get(signer.name)
    return isChanged(signer, before) || (former !== undefined && findInvalid(former).length === 0)
  })
  refuseProblems(suspects.flatMap(findInvalid))
}

/**
 * Waits until each key of the set has made a test signature that verified.
 *
 * @param problems problems that tokens have with the configuration, added while this waits
 * @param pins tells which PINs were not judged
 * @throws ConfigurationError with all problems
 */
export async function testSigners(
  next: SignerSet,
  before: SignerSet,
  problems: readonly ConfigurationError[],
  pins: Pick<RefusedPins, 'isUnjudged'>,
  signal: AbortSignal,
): Promise<void> {
  await waitUntil(() => !next.ownPools.some(isPending) || problems.length > 0, signal)
  refuseProblems(problems.flatMap((error) => error.problems))
  // A secret that holds a refused PIN as before keeps nobody from taking over other changes, as a file does not. Nor does a
  // user who is locked as before
  const untested = next.ownPools.filter((pool) => !(pins.isUnjudged(pool) && isRefused(pool, before)))
  refuseProblems(untested.flatMap(describeUntested))
  // Certificates on tokens are known by now
  refuseNewlyInvalid(next, before)
  const changed = [...next.signers.values()].filter((signer) => isChanged(signer, before))
  // They are tested one after another, since requests need the sessions and the queue meanwhile
  for (const signer of changed) {
    await testAnew(signer, performance.now() + PATIENCE_MS, signal)
  }
  await awaitSupply(TIMESTAMPS, next, before, signal)
  await awaitSupply(EVIDENCE, next, before, signal)
  // Revocations are known by now
  refuseNewlyInvalid(next, before)
}

/** Describes one kind of thing that signers get from others for their containers: timestamps, or revocation information. */
interface Supply {
  /** Says in words what of it a signer lacks that refuses requests without it. */
  findMissing(signer: Signer): readonly string[]
  /** Tells whether it is known already that none will come for now. */
  isHopeless(signer: Signer): boolean
  /** The setting that names who gives it. */
  settingOf(signer: Signer): string
  readonly publicMessage: string
}

const TIMESTAMPS: Supply = {
  findMissing(signer) {
    const missing = signer.missingTimestamps()
    return missing === undefined ? [] : [`${missing}; the log says why`]
  },
  isHopeless: ({ sources }) => sources.timestamper?.problem !== undefined,
  settingOf: ({ configuration }) => configuration.settings.timestamps,
  publicMessage: 'timestamps are missing',
}

const EVIDENCE: Supply = {
  findMissing: (signer) => (signer.container.revocationFallback === 'refuse' ? signer.missingEvidence() : []),
  isHopeless: () => false,
  settingOf: ({ configuration }) => configuration.settings.certificate,
  publicMessage: 'revocation information for containers of level b-lt is missing',
}

/** Waits until signers have what they need of others, and refuses those without it unless they lacked it before. */
async function awaitSupply(
  { findMissing, isHopeless, settingOf, publicMessage }: Supply,
  next: SignerSet,
  before: SignerSet,
  signal: AbortSignal,
): Promise<void> {
  const awaited = [...next.signers.values()].filter(({ name }) => {
    const former = before.signers.get(name)
    return former === undefined || findMissing(former).length === 0
  })
  await waitUntil(
    () => awaited.every((signer) => findMissing(signer).length === 0 || isHopeless(signer)),
    signal,
  )
  refuseProblems(
    awaited.flatMap((signer) =>
      findMissing(signer).map((missing) => ({
        variable: settingOf(signer),
        message: `containers of level ${signer.container.level} cannot be made: ${missing}`,
        isTemporary: true,
        publicMessage,
      })),
    ),
  )
}

/** Waits until a condition holds, for as long as tokens have patience. */
async function waitUntil(holds: () => boolean, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!holds() && performance.now() < deadline) {
    await delay(POLL_MS, undefined, { signal })
  }
}

/** Returns whether keys of a pool may still become ready. */
function isPending({ pool, keys }: TokenPool): boolean {
  const { state } = pool.status()
  if (state === 'ready') {
    return keys.some((_, place) => pool.keyStatus(place).state === 'starting')
  }
  return state !== 'pin refused'
}

/** Returns whether the token had refused the PIN already in another set. */
function isRefused({ access }: TokenPool, { pools }: SignerSet): boolean {
  const former = pools.find((pool) => accessId(pool.access) === accessId(access))
  return former?.pool.status().state === 'pin refused'
}

function describeUntested({ pool, keys, log }: TokenPool): ConfigurationProblem[] {
  return keys.flatMap(({ settings }, place) => {
    const { state, reason = describeSilence(pool) } = pool.keyStatus(place)
    const variable = state === 'pin refused' ? settings.pin : settings.key
    const message = `no test signature could be made: ${reason}`
    // A further try would repeat a PIN that the token may have counted as a wrong one
    const isTemporary = state !== 'pin refused' && !pool.isLoginPending
    return state === 'ready'
      ? []
      : [{ variable, message, token: log.fields, isTemporary, publicMessage: message }]
  })
}

function describeSilence({ isLoginPending }: TokenPool['pool']): string {
  return isLoginPending
    ? 'the token did not answer the login in time; it is not tried again by itself, as wrong PINs lock the user'
    : 'the token did not answer in time'
}

/** Returns whether a signer has another certificate than the one of that name before, or is new. */
function isChanged(signer: Signer, { signers }: SignerSet): boolean {
  const [now, then] = [signer, signers.get(signer.name)].map(encodePath)
  return now === undefined || then === undefined || !now.equals(then)
}

function encodePath(signer: Signer | undefined): Buffer | undefined {
  const path = signer?.knownCertificate()?.path
  return path && Buffer.concat(path.map(({ raw }) => raw))
}

function findInvalid(signer: Signer): ConfigurationProblem[] {
  const signerCertificate = signer.knownCertificate()
  if (signerCertificate === undefined) {
    return []
  }
  try {
    signer.validCertificate()
    return []
  } catch (error) {
    const { settings, rules } = signer.configuration
    const isRevoked = error instanceof CERTIFICATE_REVOKED
    const message = describeValue(settings.certificatePath, (error as Error).message)
    const publicMessage = isRevoked
      ? 'a certificate was revoked'
      : 'a certificate is not valid now, or ends too soon'
    const isTemporary = !isRevoked && isValidLater(signerCertificate.validity, rules.minimumDaysLeft)
    return [{ variable: settings.certificate, message, isTemporary, publicMessage }]
  }
}

/** Returns whether the only problem of the periods is that one of them has not begun. */
function isValidLater(periods: readonly ValidityPeriod[], minimumDaysLeft: number): boolean {
  const begin = Math.max(...periods.map(({ notBefore }) => notBefore.getTime()))
  return begin > Date.now() && findValidityProblem(periods, new Date(begin), minimumDaysLeft) === undefined
}

/** Tests a key with its new certificate, even if it has signed before, since they have to fit together. */
async function testAnew(signer: Signer, deadline: number, signal: AbortSignal): Promise<void> {
  try {
    await signer.test()
  } catch (error) {
    if (error instanceof HSM_BUSY && performance.now() < deadline) {
      await delay(POLL_MS, undefined, { signal })
      return testAnew(signer, deadline, signal)
    }
    const message = `no test signature could be made: ${(error as Error).message}`
    // A token whose pool was kept does not log in again before SIGHUP
    const isTemporary =
      TEMPORARY_ERRORS.some((kind) => error instanceof kind) && signer.status().state !== 'pin refused'
    throw new ConfigurationError([
      { variable: signer.configuration.settings.key, message, isTemporary, publicMessage: message },
    ])
  }
}
