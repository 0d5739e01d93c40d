import type { Configuration } from '../config.ts'
import type { SignOptions } from '../pkcs11/session-pool.ts'
import type { SigningKey } from '../signers/signing-key.ts'

/** What an action works with. */
export interface CallbackContext {
  readonly configuration: Pick<Configuration, 'hashAlgorithms' | 'digestMismatch'>
  readonly signingKey: SigningKey
  readonly options: SignOptions
}
