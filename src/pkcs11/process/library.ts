import { Module } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import { misconfigured } from './open-error.ts'

/**
 * Loads the PKCS#11 library and initializes it for use by several threads: without `CKF_OS_LOCKING_OK` (PKCS#11 2.40
 * 5.4) concurrent signing crashes the process.
 */
export function loadLibrary(path: string): Module {
  const module = attachLibrary(path)
  module.initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK })
  return module
}

/** Loads the library in a thread of a process in which it is initialized already. */
export function attachLibrary(path: string): Module {
  try {
    return Module.load(path)
  } catch (error) {
    throw misconfigured(
      'HSM_MODULE',
      `cannot be loaded as a PKCS#11 library: ${(error as Error).message}`,
      'the PKCS#11 library cannot be loaded',
    )
  }
}
