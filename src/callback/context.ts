import type { SignOptions } from '../pkcs11/signing-jobs.ts'
import type { SigningKey } from '../signers/signing-key.ts'

/** What signatures are made with. */
export interface CallbackContext {
  readonly signingKey: Pick<SigningKey, 'validSigner' | 'sign'>
  readonly options: Omit<SignOptions, 'verify'>
}
