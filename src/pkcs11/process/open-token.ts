import type { Module } from 'graphene-pk11'
import { type PinSource, readPin } from '../../config.ts'
import type { FoundKey, FoundToken, OpenRequest } from '../messages.ts'
import { describeFailure } from '../return-values.ts'
import { findCertificate } from './certificate-object.ts'
import { initializeLibrary, loadLibrary } from './library.ts'
import { misconfigured } from './open-error.ts'
import { selectPrivateKey } from './private-key.ts'
import { selectToken } from './token.ts'
import { closeUserSession, logInUser, openUserSession } from './user-session.ts'

/** A token with the user logged in, for the life of the process. */
export interface OpenToken {
  readonly module: string
  readonly slot: Uint8Array
  readonly token: FoundToken
  readonly key: FoundKey
  /** Logs in anew for all sessions, when the token has forgotten the login. */
  logIn(): void
  close(): void
}

/**
 * Loads the library, logs in once and finds key and, where no file gives it, certificate. The session opened here is
 * the anchor of the login: a token logs a user out when its last session closes (PKCS#11 2.40 5.6).
 *
 * What it cannot open it leaves finalized, so that another try finds what is there then: some libraries know no other
 * way back to an HSM that was away.
 *
 * @param onLogin called before each `C_Login`, and with what it answered
 * @throws OpenError, or what the PKCS#11 call threw
 */
export function openToken(request: OpenRequest, onLogin: (returnValue?: string) => void): OpenToken {
  const module = loadLibrary(request.hsm.module)
  try {
    initializeLibrary(module, request.hsm.moduleParameters)
    return openWith(module, request, onLogin)
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
  { hsm, publicKey, certified = true }: OpenRequest,
  onLogin: (returnValue?: string) => void,
): OpenToken {
  const { slot, token } = selectToken(module, hsm.token)
  const pin = findPin(hsm.pin)
  let anchor = openUserSession(slot)
  logInUser(anchor, pin, onLogin)
  const key = selectPrivateKey(anchor, hsm.key, publicKey)
  const certificate = certified && publicKey === undefined ? findCertificate(anchor, key) : undefined
  return {
    module: hsm.module,
    slot: slot.handle,
    token: {
      label: token.label,
      serial: token.serialNumber,
      manufacturer: token.manufacturerID,
      model: token.model,
    },
    key: {
      label: key.label,
      labelBytes: key.labelBytes,
      id: key.id,
      ...(key.publicKey === undefined ? {} : { publicKey: key.publicKey }),
      ...(certificate === undefined ? {} : { certificate }),
    },
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
    // Which closes the anchor too
    close: () => module.finalize(),
  }
}

/** @throws OpenError when the PIN is not there any more */
export function findPin(source: PinSource): string {
  try {
    return readPin(source, process.env)
  } catch {
    const variable = 'file' in source ? 'HSM_PIN_FILE' : source.variable
    throw misconfigured(variable, 'holds no PIN any more', 'the PIN cannot be read')
  }
}
