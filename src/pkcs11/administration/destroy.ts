/** Deletes one object from a token, and says why a token does not. */
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { readBoolean } from '../process/attributes.ts'
import type { TokenSession } from '../process/user-session.ts'
import { describeFailure } from '../return-values.ts'
import { RefusedError } from './failure.ts'

/**
 * Deletes an object.
 *
 * @param what the object, for the message
 * @throws RefusedError with the return value, and with the reason where the token has one (PKCS#11 2.40 5.1.6, 5.7)
 */
export function destroy(session: TokenSession, object: Handle, what: string): void {
  try {
    session.lib.C_DestroyObject(session.handle, object)
  } catch (error) {
    const { returnValue } = describeFailure(error)
    const reason = explain(session, object, returnValue)
    throw new RefusedError(`the token does not delete ${what}: C_DestroyObject ${returnValue}${reason}`)
  }
}

function explain(session: TokenSession, object: Handle, returnValue: string): string {
  if (isIndestructible(session, object)) {
    return '. Its CKA_DESTROYABLE is false: nobody can delete it by PKCS#11'
  }
  return returnValue === 'CKR_ACTION_PROHIBITED'
    ? '. A policy of the token forbids it, for this user or for all'
    : ''
}

function isIndestructible(session: TokenSession, object: Handle): boolean {
  try {
    return readBoolean(session, object, pkcs11js.CKA_DESTROYABLE) === false
  } catch {
    // A token that failed the deletion may fail here too, and the first failure is the one to report
    return false
  }
}
