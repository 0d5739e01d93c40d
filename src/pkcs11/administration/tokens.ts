import { type Module, type Token, TokenFlag } from 'graphene-pk11'
import type { LibraryConfiguration } from '../../configuration/signer-configuration.ts'
import { readSlots } from '../process/token.ts'
import { openLibrary } from './session.ts'

export type TokenList = ReturnType<typeof listTokens>
export type TokenDescription = ReturnType<typeof describeToken>

/** Describes all slots with a token, in the order of the slot list. Nobody is logged in for it. */
export function listTokens(configuration: LibraryConfiguration) {
  const library = openLibrary(configuration)
  return {
    library: describeLibrary(library),
    tokens: readSlots(library).map((found) =>
      'error' in found ? { slot: found.index, error: found.error } : describeToken(found.index, found.token),
    ),
  }
}

export function describeLibrary(library: Module) {
  return {
    description: library.libraryDescription,
    manufacturer: library.manufacturerID,
    version: library.libraryVersion,
    /** Version of PKCS#11 that the library implements. */
    cryptoki: library.cryptokiVersion,
  }
}

/** @param slot index in the slot list: HSM_SLOT */
export function describeToken(slot: number, token: Token) {
  const has = (flag: number) => (token.flags & flag) !== 0
  return {
    slot,
    label: token.label,
    serial: token.serialNumber,
    manufacturer: token.manufacturerID,
    model: token.model,
    hardware: token.hardwareVersion,
    firmware: token.firmwareVersion,
    initialized: has(TokenFlag.TOKEN_INITIALIZED),
    loginRequired: has(TokenFlag.LOGIN_REQUIRED),
    userPinInitialized: has(TokenFlag.USER_PIN_INITIALIZED),
    userPinCountLow: has(TokenFlag.USER_PIN_COUNT_LOW),
    userPinFinalTry: has(TokenFlag.USER_PIN_FINAL_TRY),
    userPinLocked: has(TokenFlag.USER_PIN_LOCKED),
  }
}
