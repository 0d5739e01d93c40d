import pkcs11js, { type Handle, type PKCS11 } from 'pkcs11js'
import { describeFailure, readLoginAnswer } from '../return-values.ts'

/** A slot in terms of pkcs11js. The threads of sessions do without graphene-pk11, which takes 4 MB in each of them. */
export interface TokenSlot {
  readonly lib: PKCS11
  readonly handle: Handle
}

export interface TokenSession extends TokenSlot {
  readonly slot: TokenSlot
}

/** Opens a session, read-write as CloudHSM has it. */
export function openUserSession({ lib, handle }: TokenSlot): TokenSession {
  const flags = pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION
  return { lib, handle: lib.C_OpenSession(handle, flags), slot: { lib, handle } }
}

/** Opens a session with which nothing on the token can be changed. */
export function openReadOnlySession({ lib, handle }: TokenSlot): TokenSession {
  return { lib, handle: lib.C_OpenSession(handle, pkcs11js.CKF_SERIAL_SESSION), slot: { lib, handle } }
}

/**
 * Calls `C_Login` once, for all sessions of this process with the token. To be logged in already is success.
 *
 * @param onAnswer called with what it answered
 * @throws what the PKCS#11 call threw
 */
export function logInUser(
  { lib, handle }: TokenSession,
  pin: string,
  onAnswer: (returnValue: string) => void = () => {},
): void {
  try {
    lib.C_Login(handle, pkcs11js.CKU_USER, pin)
    onAnswer('CKR_OK')
  } catch (error) {
    const { returnValue } = describeFailure(error)
    onAnswer(returnValue)
    if (readLoginAnswer(returnValue) !== 'accepted') {
      throw error
    }
  }
}

/** PKCS#11 2.40 3.3; pkcs11js does not name it. */
const CKS_RW_USER_FUNCTIONS = 3

/** @throws Error as a call that needs the login throws it, where the token has forgotten the login */
export function checkLoggedIn({ lib, handle }: TokenSession): void {
  if (lib.C_GetSessionInfo(handle).state !== CKS_RW_USER_FUNCTIONS) {
    throw new Error('CKR_USER_NOT_LOGGED_IN')
  }
}

/** Gives it up: what is broken may be the session itself. */
export function closeUserSession({ lib, handle }: TokenSession): void {
  try {
    lib.C_CloseSession(handle)
  } catch {
    // A session that the token calls invalid may still exist, and sessions are few; or it is gone
  }
}
