import type { TokenSession } from '../process/user-session.ts'
import { destroy } from './destroy.ts'
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
