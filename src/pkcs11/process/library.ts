import { Module } from 'graphene-pk11'
import pkcs11js from 'pkcs11js'
import { describeValue } from '../../common/quote.ts'
import { describeFailure } from '../return-values.ts'
import { misconfigured, unavailable } from './open-error.ts'

/**
 * Initializes the library for use by several threads: without `CKF_OS_LOCKING_OK` (PKCS#11 2.40 5.4) concurrent signing
 * crashes the process.
 *
 * @param parameters for those that take some, as NSS's softokn; others refuse them
 * @throws OpenError, which says that it may work later: an HSM that is away can be the reason
 */
export function initializeLibrary(library: Module, parameters?: string): void {
  try {
    library.initialize({
      flags: pkcs11js.CKF_OS_LOCKING_OK,
      // The binding drops the last character: let it be the one that ends a string in C anyway
      ...(parameters === undefined ? {} : { libraryParameters: `${parameters}\0` }),
    })
  } catch (error) {
    const { returnValue } = describeFailure(error)
    const hint = HINTS[returnValue] ?? "look at the library's own log"
    const message = `the PKCS#11 library cannot be initialized: C_Initialize ${returnValue}; ${hint}`
    throw unavailable(message, 'the PKCS#11 library cannot be initialized')
  }
}

/**
 * Refuses a library whose users have an initialization of their own each, as those of p11-kit's proxy and client have: each session belongs
 * to a thread that loads it anew, and finds what the main thread has initialized.
 *
 * @param path of a library that is initialized
 * @throws OpenError
 */
export function refuseSeparateInitializations(path: string): void {
  const another = new pkcs11js.PKCS11()
  another.load(path)
  try {
    another.C_GetInfo()
  } catch (error) {
    if (describeFailure(error).returnValue === 'CKR_CRYPTOKI_NOT_INITIALIZED') {
      throw misconfigured(
        'module',
        describeValue(
          path,
          "is initialized for each of its users anew, as p11-kit's proxy and client are, so that several threads cannot share it: " +
            'name the library of the HSM itself',
        ),
        'the PKCS#11 library cannot be shared by threads',
      )
    }
  }
}

const HINTS: Readonly<Record<string, string>> = {
  CKR_GENERAL_ERROR:
    'most libraries answer so when they cannot read their configuration, or their HSM is away: look whether the file ' +
    'with it is there and this user may read it (SoftHSM: the file that SOFTHSM2_CONF names, and the folder of its ' +
    'tokens; CloudHSM: /opt/cloudhsm/etc/cloudhsm-pkcs11.cfg), and at the log of the library',
  CKR_ARGUMENTS_BAD:
    'the library takes no parameters, or others: look at HSM_MODULE_PARAMETERS, or moduleParameters of the signer',
}

/** For the life of the thread: the library is unloaded under whoever still uses it when a `Module` is collected. */
const loaded = new Map<string, Module>()

/**
 * Loads the PKCS#11 library, which may be initialized already by another thread.
 */
export function loadLibrary(path: string): Module {
  try {
    const library = loaded.get(path) ?? Module.load(path)
    loaded.set(path, library)
    return library
  } catch (error) {
    throw misconfigured(
      'module',
      describeValue(path, `cannot be loaded as a PKCS#11 library: ${(error as Error).message}`),
      'the PKCS#11 library cannot be loaded',
    )
  }
}
