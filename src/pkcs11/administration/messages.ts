/** What the command line and the process that works on the token for it say to each other: one order, one answer. */
import type { PinSource, TokenSelector } from '../../config.ts'

/** How to reach a token and log in. */
export interface TokenAccess {
  readonly module: string
  readonly token: TokenSelector
  readonly pin: PinSource
  /** What a person answered who was asked for the PIN: it is then that of the variable which `pin` names. */
  readonly askedPin?: string
}

export interface Version {
  readonly major: number
  readonly minor: number
}

export interface LibraryDescription {
  readonly description: string
  readonly manufacturer: string
  readonly version: Version
  /** Of PKCS#11 that it implements. */
  readonly cryptoki: Version
}

export interface TokenDescription {
  /** Index in the slot list: HSM_SLOT. */
  readonly slot: number
  readonly label: string
  readonly serial: string
  readonly manufacturer: string
  readonly model: string
  readonly hardware: Version
  readonly firmware: Version
  readonly initialized: boolean
  readonly loginRequired: boolean
  readonly userPinInitialized: boolean
  readonly userPinCountLow: boolean
  readonly userPinFinalTry: boolean
  readonly userPinLocked: boolean
}

export interface UnreadableSlot {
  readonly slot: number
  /** The call and what it returned. */
  readonly error: string
}

export interface TokenList {
  readonly library: LibraryDescription
  readonly tokens: readonly (TokenDescription | UnreadableSlot)[]
}

/** Null is what the token does not show. */
export interface KeyDescription {
  readonly label: string | null
  /** CKA_ID in lower-case hex. */
  readonly id: string | null
  /** `RSA`, `EC`, or the number of the type in hex. */
  readonly type: string | null
  readonly bits: number | null
  /** Its name, or the object identifier in hex. */
  readonly curve: string | null
  readonly sensitive: boolean | null
  readonly extractable: boolean | null
  readonly sign: boolean | null
  readonly alwaysAuthenticate: boolean | null
  /** Whether there is a public key object with that id. */
  readonly publicKeyObject: boolean
  /** Whether there is a certificate object with that id. */
  readonly certificateObject: boolean
  /** SHA-256 of the DER SubjectPublicKeyInfo in hex. */
  readonly fingerprint: string | null
}

export interface KeyRequest {
  readonly label: string
  /** CKA_ID in hex. */
  readonly id: string
  /** Of an RSA modulus, or the name of a curve. */
  readonly kind: { readonly bits: number } | { readonly curve: string }
}

export interface GeneratedKey {
  readonly key: KeyDescription
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
}

interface Orders {
  tokens: { readonly module: string }
  keys: { readonly access: TokenAccess }
  keygen: { readonly access: TokenAccess; readonly request: KeyRequest }
}

interface Results {
  tokens: TokenList
  keys: readonly KeyDescription[]
  keygen: GeneratedKey
}

export type OrderType = keyof Orders
export type OrderOf<T extends OrderType> = { readonly type: T } & Orders[T]
export type Order = { [T in OrderType]: OrderOf<T> }[OrderType]
export type ResultOf<T extends OrderType> = Results[T]

export interface Failure {
  /** The variable that has to change, where it is the configuration that cannot work. */
  readonly variable?: string
  readonly message: string
}

export type Answer =
  | { readonly type: 'done'; readonly result: Results[OrderType] }
  | { readonly type: 'failed'; readonly failure: Failure }
