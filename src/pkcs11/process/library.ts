import { Module } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import { misconfigured } from './open-error.ts'

/**
 * Initializes the library for use by several threads: without `CKF_OS_LOCKING_OK` (PKCS#11 2.40 5.4) concurrent signing
 * crashes the process.
 */
export function initializeLibrary(library: Module): void {
  library.initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK })
}

/** Loads the PKCS#11 library, which may be initialized already by another thread. */
export function loadLibrary(path: string): Module {
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
