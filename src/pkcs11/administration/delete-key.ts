import type { Handle } from 'pkcs11js'
import type { TokenSession } from '../process/user-session.ts'
import { describeFailure } from '../return-values.ts'
import { RefusedError } from './failure.ts'
import { findNamedKey, type KeySelection } from './find-key.ts'

/**
 * Deletes a private key, and the public key objects with its CKA_ID and its public key.
 *
 * @throws RefusedError when it is not exactly one key, and when the token does not delete it
 */
export function deleteKey(session: TokenSession, selection: KeySelection) {
  const { handle, description, publicKeyObjects } = findNamedKey(session, selection)
  destroy(session, handle, 'the private key')
  for (const object of publicKeyObjects) {
    destroy(session, object, 'the public key, after the private one was deleted')
  }
  const { label, id, fingerprint } = description
  return { label, id, fingerprint, publicKeys: publicKeyObjects.length }
}

/** @throws RefusedError */
export function destroy(session: TokenSession, object: Handle, what: string): void {
  try {
    session.lib.C_DestroyObject(session.handle, object)
  } catch (error) {
    const { returnValue } = describeFailure(error)
    throw new RefusedError(`the token does not delete ${what}: C_DestroyObject ${returnValue}`)
  }
}
