import type { Module } from 'graphene-pk11'
import { defined } from '../../common/defined.ts'
import { describeValue } from '../../common/quote.ts'
import { describeUnreadable, readPin } from '../../configuration/read-pin.ts'
import type { PinSource } from '../../configuration/signer-configuration.ts'
import type { FoundKey, FoundToken, KeyOutcome, KeyRequest, OpenRequest } from '../messages.ts'
import { pinVersion, type ToldPin } from '../pin-version.ts'
import { describeFailure } from '../return-values.ts'
import { findCertificate } from './certificate-object.ts'
import { readKeyType } from './key-attributes.ts'
import { initializeLibrary, loadLibrary } from './library.ts'
import { checkAllowed, checkMechanism, signMechanism } from './mechanism.ts'
import { misconfigured, OpenError } from './open-error.ts'
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
  /** Logs in anew for all sessions, when the token has forgotten the login. */
  logIn(): void
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
 * @param tellLogin called before each `C_Login`, and with what it answered
 * @throws OpenError, or what the PKCS#11 call threw
 */
export function openToken(request: OpenRequest, tellLogin: TellLogin): OpenToken {
  const module = loadLibrary(request.access.module)
  try {
    initializeLibrary(module, request.access.moduleParameters)
    return openWith(module, request, tellLogin)
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

function openWith(
  module: Module,
  { access, keys, givenPin, refusedPins }: OpenRequest,
  tellLogin: TellLogin,
): OpenToken {
  const { slot, token } = selectToken(module, access.token)
  const told = {
    token: JSON.stringify([access.module, token.label, token.serialNumber]),
    // Before it is read: what changes meanwhile must not pass for a PIN that was tried
    version: pinVersion(access.pin),
  }
  if (refusedPins.some((refused) => refused.token === told.token && refused.version === told.version)) {
    throw new OpenError({ kind: 'pin', returnValue: 'it did so before' })
  }
  const pin = findPin(access.pin, givenPin)
  const onLogin = (returnValue?: string) => tellLogin(told, returnValue)
  const findWith = (session: TokenSession, place: number) => findKey(session, keys[place] as KeyRequest)
  let anchor = openUserSession(slot)
  logInUser(anchor, pin, onLogin)
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
    logIn() {
      try {
        logInUser(anchor, pin, onLogin)
      } catch (error) {
        if (describeFailure(error).recovery !== 'replace-session') {
          throw error
        }
        closeUserSession(anchor)
        anchor = openUserSession(slot)
        logInUser(anchor, pin, onLogin)
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

type TellLogin = (told: ToldPin, returnValue?: string) => void

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
  const certified = request.certificateOnToken ? findCertificate(session, key) : {}
  return {
    ...{ label, labelBytes, id, protection },
    ...defined({ publicKey, certifiedKey }),
    ...certified,
  }
}

/**
 * Reads the PIN.
 *
 * @param given the PIN itself, where no file holds it
 * @throws OpenError when the PIN is not there any more, or not clearly one: a login with it would cost a try
 */
export function findPin(source: PinSource, given: string | undefined): string {
  try {
    return readPin(source, given)
  } catch (error) {
    const failure = error as NodeJS.ErrnoException
    const wrong = failure.code === undefined ? failure.message : describeUnreadable(failure)
    // A file was there when the configuration was read: its path is no PIN in the wrong place
    const file = 'file' in source ? source.file : undefined
    throw misconfigured('pin', describeValue(file, wrong), 'the PIN cannot be read')
  }
}
