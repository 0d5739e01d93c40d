import { Module } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import { misconfigured } from './open-error.ts'

/**
 * Initializes the library for use by several threads: without `CKF_OS_LOCKING_OK` (PKCS#11 2.40 5.4) concurrent signing
 * crashes the process.
 *
 * @param parameters for those that take some, as NSS's softokn; others refuse them
 */
export function initializeLibrary(library: Module, parameters?: string): void {
  library.initialize({
    flags: pkcs11js.CKF_OS_LOCKING_OK,
    // The binding drops the last character: let it be the one that ends a string in C anyway
    ...(parameters === undefined ? {} : { libraryParameters: `${parameters}\0` }),
  })
}

/** For the life of the thread: the library is unloaded under whoever still uses it when a `Module` is collected. */
const loaded = new Map<string, Module>()

/**
 * Loads the PKCS#11 library, which may be initialized already by another thread.
 *
 * @param setting what names the path
 */
export function loadLibrary(path: string, setting = 'HSM_MODULE'): Module {
  try {
    const library = loaded.get(path) ?? Module.load(path)
    loaded.set(path, library)
    return library
  } catch (error) {
    throw misconfigured(
      setting,
      `cannot be loaded as a PKCS#11 library: ${(error as Error).message}`,
      'the PKCS#11 library cannot be loaded',
    )
  }
}
