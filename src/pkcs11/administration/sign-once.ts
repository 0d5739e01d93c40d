import type { Handle } from 'pkcs11js'
import { encodeMechanism, MAX_SIGNATURE_LENGTH } from '../process/mechanism.ts'
import type { TokenSession } from '../process/user-session.ts'
import type { SigningInput } from '../signing-input.ts'

/** Makes one signature, which is not verified, and measures both calls. */
export function signOnce({ lib, handle }: TokenSession, key: Handle, { mechanism, data }: SigningInput) {
  const began = performance.now()
  lib.C_SignInit(handle, encodeMechanism(mechanism), key)
  const initialized = performance.now()
  const signature = lib.C_Sign(handle, Buffer.from(data), Buffer.alloc(MAX_SIGNATURE_LENGTH))
  const signed = performance.now()
  return { signature, initMs: initialized - began, signMs: signed - initialized }
}
