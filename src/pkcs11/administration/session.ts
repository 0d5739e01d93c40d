import type { Module, Session, Slot } from 'graphene-pk11'
import type { LibraryConfiguration } from '../../configuration/signer-configuration.ts'
import { initializeLibrary, loadLibrary } from '../process/library.ts'
import { findPin } from '../process/open-token.ts'
import { selectToken } from '../process/token.ts'
import { logInUser, openUserSession } from '../process/user-session.ts'
import type { AdministrationAccess } from './messages.ts'

let opened: Module | undefined

/** Loads and initializes the library that this process works with. */
export function openLibrary({ module, moduleParameters }: LibraryConfiguration): Module {
  opened = loadLibrary(module)
  initializeLibrary(opened, moduleParameters)
  return opened
}

/**
 * Closes sessions and logs out. When the work is done and told: a library that fails or hangs at its end must not make
 * a key that was generated look like one that was not.
 */
export function closeLibrary(): void {
  opened?.finalize()
}

/** Hands over a read-write session with the user logged in. */
export function withSession<T>(access: AdministrationAccess, act: (session: Session) => T): T {
  const { slot } = selectToken(openLibrary(access), access.token)
  return act(openSession(slot, access))
}

/** Opens a session and calls `C_Login` once. */
export function openSession(slot: Slot, access: AdministrationAccess): Session {
  const pin = findPin(access.pin, access.givenPin)
  const session = openUserSession(slot)
  logInUser(session, pin)
  return session
}
