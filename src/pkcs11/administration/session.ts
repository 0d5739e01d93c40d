import type { Module, Slot } from 'graphene-pk11'
import type { LibraryConfiguration, TokenAccess } from '../../configuration/signer-configuration.ts'
import { findPin } from '../process/find-pin.ts'
import { initializeLibrary, loadLibrary } from '../process/library.ts'
import { selectToken } from '../process/token.ts'
import {
  logInUser,
  openReadOnlySession,
  openUserSession,
  type TokenSession,
} from '../process/user-session.ts'
import { describeFailure } from '../return-values.ts'
import { RefusedError } from './failure.ts'

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

/**
 * Opens a session with the user logged in.
 *
 * @param writes true if something on the token is to be changed
 * @throws RefusedError if the token may not be changed, and is to be
 */
export async function logIn(access: AdministrationAccess, writes: boolean): Promise<TokenSession> {
  const { slot } = selectToken(openLibrary(access), access.token)
  return writes ? openWritingSession(slot, access) : openReadingSession(slot, access)
}

async function openWritingSession(slot: Slot, access: AdministrationAccess): Promise<TokenSession> {
  try {
    return await openSession(slot, access)
  } catch (error) {
    if (isReadOnly(error)) {
      throw new RefusedError(
        'the token is read-only: C_OpenSession CKR_TOKEN_WRITE_PROTECTED. Nothing was changed',
      )
    }
    throw error
  }
}

/** Opens a session that need not be read-write, as none can be at a token that is read-only. */
export async function openReadingSession(slot: Slot, access: AdministrationAccess): Promise<TokenSession> {
  try {
    return await openSession(slot, access)
  } catch (error) {
    if (isReadOnly(error)) {
      return openSession(slot, access, openReadOnlySession)
    }
    throw error
  }
}

/** Returns whether the library does not open a read-write session, before there was a login. */
function isReadOnly(error: unknown): boolean {
  return describeFailure(error).returnValue === 'CKR_TOKEN_WRITE_PROTECTED'
}

async function openSession(
  slot: Slot,
  access: AdministrationAccess,
  open?: (slot: Slot) => TokenSession,
): Promise<TokenSession> {
  const { pin } = await findPin(access.pin, access.givenPin)
  return openWithPin(slot, pin, open)
}

/** Opens a session, read-write as the service's are, and calls `C_Login` once. */
export function openWithPin(
  slot: Slot,
  pin: string,
  open: (slot: Slot) => TokenSession = openUserSession,
): TokenSession {
  const session = open(slot)
  logInUser(session, pin)
  return session
}
