import { type Session, SessionFlag, type Slot } from 'graphene-pk11'
import { describeFailure, readLoginAnswer } from '../return-values.ts'

/** Read-write, as CloudHSM has it. */
export function openUserSession(slot: Slot): Session {
  return slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
}

/**
 * Calls `C_Login` once, for all sessions of this process with the token. To be logged in already is success.
 *
 * @param onLogin called before, and with what it answered
 * @throws what the PKCS#11 call threw
 */
export function logInUser(
  session: Session,
  pin: string,
  onLogin: (returnValue?: string) => void = () => {},
): void {
  onLogin()
  try {
    session.login(pin)
    onLogin('CKR_OK')
  } catch (error) {
    const { returnValue } = describeFailure(error)
    onLogin(returnValue)
    if (readLoginAnswer(returnValue) !== 'accepted') {
      throw error
    }
  }
}

/** PKCS#11 2.40 3.3; pkcs11js does not name it. */
const CKS_RW_USER_FUNCTIONS = 3

/** @throws Error as a call that needs the login throws it, where the token has forgotten the login */
export function checkLoggedIn({ lib, handle }: Session): void {
  if (lib.C_GetSessionInfo(handle).state !== CKS_RW_USER_FUNCTIONS) {
    throw new Error('CKR_USER_NOT_LOGGED_IN')
  }
}

/** Gives it up: what is broken may be the session itself. */
export function closeUserSession(session: Session): void {
  try {
    session.close()
  } catch {
    // A session that the token calls invalid may still exist, and sessions are few; or it is gone
  }
}
