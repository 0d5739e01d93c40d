import type { Module, Slot } from 'graphene-pk11'
import type { LibraryConfiguration, TokenAccess } from '../../configuration/signer-configuration.ts'
import { findPin } from '../process/find-pin.ts'
import { initializeLibrary, loadLibrary } from '../process/library.ts'
import { selectToken } from '../process/token.ts'
import { logInUser, openUserSession, type TokenSession } from '../process/user-session.ts'

/** How to reach a token and log in for the command line. */
export interface AdministrationAccess extends TokenAccess {
  /** The PIN, where no file holds it: from a variable, or typed by a person. */
  readonly givenPin?: string
}

let opened: Module | undefined

/** Loads and initializes the library that this process works with. */
export function openLibrary({ module, moduleParameters }: LibraryConfiguration): Module {
  opened = loadLibrary(module)
  initializeLibrary(opened, moduleParameters)
  return opened
}

/**
 * Closes sessions and logs out. It is called when the work is done and told: a library that fails or hangs at its end
 * must not make a key that was generated look like one that was not.
 */
export function closeLibrary(): void {
  opened?.finalize()
}

/** Opens a read-write session with the user logged in. */
export async function logIn(access: AdministrationAccess): Promise<TokenSession> {
  const { slot } = selectToken(openLibrary(access), access.token)
  return openSession(slot, access)
}

/** Opens a session and calls `C_Login` once. */
export async function openSession(slot: Slot, access: AdministrationAccess): Promise<TokenSession> {
  const { pin } = await findPin(access.pin, access.givenPin)
  const session = openUserSession(slot)
  logInUser(session, pin)
  return session
}
