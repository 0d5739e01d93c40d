import { type Module, type Session, SessionFlag, type Slot } from 'graphene-pk11'
import { initializeLibrary, loadLibrary } from '../process/library.ts'
import { findPin } from '../process/open-token.ts'
import { selectToken } from '../process/token.ts'
import { describeFailure } from '../return-values.ts'
import type { TokenAccess } from './messages.ts'

/** Where a library fails it is left as it is: the process ends, and finalizing would fail as well. */
export function withLibrary<T>(path: string, act: (library: Module) => T): T {
  const library = loadLibrary(path)
  initializeLibrary(library)
  const result = act(library)
  library.finalize()
  return result
}

/** Hands over a read-write session with the user logged in. */
export function withSession<T>(access: TokenAccess, act: (session: Session) => T): T {
  return withLibrary(access.module, (library) => {
    const { slot } = selectToken(library, access.token)
    return act(openSession(slot, takePin(access)))
  })
}

/** Opens a read-write session and calls `C_Login` once. */
export function openSession(slot: Slot, pin: string): Session {
  const session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
  try {
    session.login(pin)
  } catch (error) {
    if (describeFailure(error).returnValue !== 'CKR_USER_ALREADY_LOGGED_IN') {
      throw error
    }
  }
  return session
}

/** Takes it out of the environment: it is there from the start, or comes from a person by way of the order. */
export function takePin({ pin, askedPin }: TokenAccess): string {
  if (askedPin !== undefined && 'variable' in pin) {
    process.env[pin.variable] = askedPin
  }
  return findPin(pin)
}
