import { type Module, type SlotCollection, TokenFlag } from 'graphene-pk11'
import type { LibraryConfiguration } from '../../configuration/signer-configuration.ts'
import { describeFailure } from '../return-values.ts'
import { openLibrary } from './session.ts'

export type TokenList = ReturnType<typeof listTokens>
export type TokenDescription = ReturnType<typeof describeToken>
export type UnreadableSlot = Exclude<TokenList['tokens'][number], TokenDescription>

/** All slots with a token, in the order of the slot list. Nobody is logged in for it. */
export function listTokens(configuration: LibraryConfiguration) {
  const library = openLibrary(configuration)
  const slots = library.getSlots(true)
  const describe = (_: unknown, index: number) => describeSlot(slots, index)
  return {
    library: describeLibrary(library),
    tokens: Array.from({ length: slots.length }, describe),
  }
}

export function describeLibrary(library: Module) {
  const { libraryDescription, manufacturerID, libraryVersion, cryptokiVersion } = library
  return {
    description: libraryDescription,
    manufacturer: manufacturerID,
    version: libraryVersion,
    /** Version of PKCS#11 that the library implements. */
    cryptoki: cryptokiVersion,
  }
}

/** One token that fails must not keep the others from being seen. */
function describeSlot(slots: SlotCollection, slot: number) {
  try {
    return describeToken(slots, slot)
  } catch (error) {
    const { call, returnValue } = describeFailure(error)
    return { slot, error: `${call} ${returnValue}` }
  }
}

function describeToken(slots: SlotCollection, slot: number) {
  const token = slots.items(slot).getToken()
  const has = (flag: number) => (token.flags & flag) !== 0
  return {
    /** Index in the slot list: HSM_SLOT. */
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
