import { type Module, TokenFlag } from 'graphene-pk11'
import type { LibraryConfiguration } from '../../configuration/signer-configuration.ts'
import { type Candidate, readTokens } from '../process/token.ts'
import type { LibraryDescription, TokenDescription, TokenList } from './messages.ts'
import { openLibrary } from './session.ts'

/** All slots with a token, in the order of the slot list. Nobody is logged in for it. */
export function listTokens(configuration: LibraryConfiguration): TokenList {
  const library = openLibrary(configuration)
  const tokens = readTokens(library).map((found) => ('error' in found ? found : describeToken(found)))
  return { library: describeLibrary(library), tokens }
}

export function describeLibrary(library: Module): LibraryDescription {
  const { libraryDescription, manufacturerID, libraryVersion, cryptokiVersion } = library
  return {
    description: libraryDescription,
    manufacturer: manufacturerID,
    version: libraryVersion,
    cryptoki: cryptokiVersion,
  }
}

function describeToken({ index: slot, token }: Candidate): TokenDescription {
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
