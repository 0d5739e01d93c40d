import type { Module } from 'graphene-pk11'
import { defined } from '../../common/defined.ts'
import type { FoundKey, FoundToken, KeyOutcome, KeyRequest, OpenRequest } from '../messages.ts'
import { identifyToken, type ToldPin } from '../pin-version.ts'
import { describeFailure } from '../return-values.ts'
import { findOwnCertificates } from './certificate-object.ts'
import { findPin } from './find-pin.ts'
import { readKeyType } from './key-attributes.ts'
import { initializeLibrary, loadLibrary, refuseSeparateInitializations } from './library.ts'
import { checkAllowed, checkMechanism, signMechanism } from './mechanism.ts'
import { OpenError } from './open-error.ts'
import { selectPrivateKey } from './private-key.ts'
import { selectToken } from './token.ts'
import { closeUserSession, logInUser, openUserSession, type TokenSession } from './user-session.ts'

/** A token with the user logged in, for the life of the process. */
export interface OpenToken {
  readonly module: string
  readonly slot: Uint8Array
  readonly token: FoundToken
  /** In the order of the request. */
  readonly keys: readonly KeyOutcome[]
  /**
   * Logs in anew for all sessions, when the token has forgotten the login, with the PIN that its source holds by then, or the
   * last one where it holds none, or does not answer: what takes the login may take the way to a secret.
   *
   * @throws what the PKCS#11 call threw, or the reason of the signal
   */
  logIn(): Promise<void>
  /**
   * Searches again for keys, which may have come since, and puts what it finds into `keys`.
   *
   * @param places in the request
   * @throws what the PKCS#11 call threw
   */
  findAgain(places: readonly number[]): void
  close(): void
}

/**
 * Loads the library, logs in once and finds key and, where no file gives it, certificate. The session opened here is
 * the anchor of the login: a token logs a user out when its last session closes (PKCS#11 2.40 5.6).
 *
 * A library that cannot be opened is left finalized, so that another try finds what is there then: some libraries know no
 * other way back to an HSM that was away.
 *
 * @param signal ends the search for the PIN
 * @throws OpenError, what the PKCS#11 call threw, or the reason of the signal
 */
export async function openToken(
  request: OpenRequest,
  logins: Logins,
  signal?: AbortSignal,
): Promise<OpenToken> {
  const module = loadLibrary(request.access.module)
  try {
    initializeLibrary(module, request.access.moduleParameters)
    refuseSeparateInitializations(request.access.module)
    return await openWith(module, request, logins, signal)
  } catch (error) {
    finalize(module)
    throw error
  }
}

function finalize(module: Module): void {
  try {
    module.finalize()
  } catch {
    // The library may be what is broken; why the token could not be opened says more
  }
}

async function openWith(
  module: Module,
  { access, keys, givenPin }: OpenRequest,
  logins: Logins,
  signal: AbortSignal | undefined,
): Promise<OpenToken> {
  const { slot, token } = selectToken(module, access.token)
  const identity = identifyToken(access.module, token)
  let last = await findPin(access.pin, givenPin, signal)
  const logInOnce = async (session: TokenSession) => {
    await logins.allow({ token: identity, version: last.version })
    logInUser(session, last.pin, logins.answered)
  }
  const findWith = (session: TokenSession, place: number) => findKey(session, keys[place] as KeyRequest)
  let anchor = openUserSession(slot)
  await logInOnce(anchor)
  const outcomes = keys.map((_, place) => findWith(anchor, place))
  return {
    module: access.module,
    slot: slot.handle,
    token: {
      label: token.label,
      serial: token.serialNumber,
      manufacturer: token.manufacturerID,
      model: token.model,
    },
    keys: outcomes,
    async logIn() {
      // The PIN may have been changed since, when the one that was right would cost a try
      last = await findPin(access.pin, givenPin, signal).catch(() => last)
      signal?.throwIfAborted()
      try {
        await logInOnce(anchor)
      } catch (error) {
        if (describeFailure(error).recovery !== 'replace-session') {
          throw error
        }
        closeUserSession(anchor)
        anchor = openUserSession(slot)
        await logInOnce(anchor)
      }
    },
    findAgain(places) {
      // The anchor may be stale, which nobody notices before the next login
      const session = openUserSession(slot)
      try {
        for (const place of places) {
          outcomes[place] = findWith(session, place)
        }
      } finally {
        closeUserSession(session)
      }
    },
    // The anchor is closed with it
    close: () => module.finalize(),
  }
}

/** Those who watch over logins. */
export interface Logins {
  /** Waits until `C_Login` may be called with this PIN, which is for ever if it must not be told again. */
  allow(told: ToldPin): Promise<void>
  /** Called with what `C_Login` answered. */
  answered(returnValue: string): void
}

/** Finds one key. A fault of it keeps none of the others from being used. */
function findKey(session: TokenSession, request: KeyRequest): KeyOutcome {
  try {
    return describeKey(session, request)
  } catch (error) {
    if (error instanceof OpenError && error.failure.kind === 'configuration') {
      return error.failure
    }
    throw error
  }
}

function describeKey(session: TokenSession, request: KeyRequest): FoundKey {
  const key = selectPrivateKey(session, request)
  const mechanism = signMechanism(readKeyType(session, key.handle), request.algorithm)
  checkMechanism(session, mechanism)
  checkAllowed(session, key, mechanism)
  const { label, labelBytes, id, publicKey, certifiedKey, protection } = key
  const certificates = request.certificateOnToken ? findOwnCertificates(session, key) : undefined
  return {
    ...{ label, labelBytes, id, protection },
    ...defined({ publicKey, certifiedKey, certificates }),
  }
}
