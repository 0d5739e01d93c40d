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
  return logInAt(slot, access, writes)
}

/** Does the same at a slot that was found. */
export async function logInAt(
  slot: Slot,
  { pin: source, givenPin }: AdministrationAccess,
  writes: boolean,
): Promise<TokenSession> {
  // The PIN may lie where reading it is recorded, so that nobody reads it for a session that is not there
  const session = openSession(slot, writes)
  const { pin } = await findPin(source, givenPin)
  logInUser(session, pin)
  return session
}

/** Opens a session, read-write as the service's are. At a token that is read-only there can be none; reading does without. */
function openSession(slot: Slot, writes: boolean): TokenSession {
  try {
    return openUserSession(slot)
  } catch (error) {
    if (describeFailure(error).returnValue !== 'CKR_TOKEN_WRITE_PROTECTED') {
      throw error
    }
    if (writes) {
      throw new RefusedError(
        'the token is read-only: C_OpenSession CKR_TOKEN_WRITE_PROTECTED. Nothing was changed',
      )
    }
    return openReadOnlySession(slot)
  }
}
