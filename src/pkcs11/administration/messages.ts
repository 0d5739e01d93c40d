/** What the command line and the process that works on the token for it say to each other: one order, one answer, and what happens on the way there. */
import type { KeySelector, PinSource, TokenSelector } from '../../config.ts'
import type { FoundKey, FoundToken } from '../messages.ts'

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

/** DER, all of it. */
export interface CertificateRequest {
  readonly value: Uint8Array
  readonly subject: Uint8Array
  readonly issuer: Uint8Array
  /** INTEGER. */
  readonly serialNumber: Uint8Array
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  /** In place of the key's own. */
  readonly label?: string
}

export interface ImportedCertificate {
  readonly label: string
  /** CKA_ID of certificate and key in hex. */
  readonly id: string
  /** False where the very certificate was there before. */
  readonly created: boolean
  /** Other certificates of the same id. */
  readonly others: number
}

export interface CheckRequest {
  readonly key: KeySelector
  /** DER SubjectPublicKeyInfo of the signer certificate; absent where that is to be found on the token. */
  readonly publicKey?: Uint8Array
  /** How many sessions are opened. */
  readonly sessions: number
  /** How many test signatures are made. */
  readonly signatures: number
}

/** What is looked at, in this order. */
export type CheckStep =
  | 'library'
  | 'token'
  | 'mechanism'
  | 'login'
  | 'key'
  | 'sessions'
  | 'certificate'
  | 'signatures'

/** What a step of the check has found. */
export type Finding =
  | { readonly step: 'library'; readonly library: LibraryDescription }
  | { readonly step: 'token'; readonly token: FoundToken }
  /** CKM_RSA_PKCS. */
  | { readonly step: 'mechanism'; readonly sign: boolean; readonly minBits: number; readonly maxBits: number }
  | { readonly step: 'login' }
  | { readonly step: 'key'; readonly key: FoundKey }
  /** How long each took that opened, in milliseconds; and why the next one did not. */
  | { readonly step: 'sessions'; readonly opened: readonly number[]; readonly failure?: Failure }
  /** DER, where it is on the token. */
  | { readonly step: 'certificate'; readonly certificate?: Uint8Array }
  | { readonly step: 'signatures'; readonly signatures: readonly TimedSignature[] }

export interface TimedSignature {
  readonly signature: Uint8Array
  /** Milliseconds that `C_SignInit` took. */
  readonly initMs: number
  /** Milliseconds that `C_Sign` took. */
  readonly signMs: number
}

interface Orders {
  tokens: { readonly module: string }
  keys: { readonly access: TokenAccess }
  keygen: { readonly access: TokenAccess; readonly request: KeyRequest }
  'import-cert': { readonly access: TokenAccess; readonly request: CertificateRequest }
  check: { readonly access: TokenAccess; readonly request: CheckRequest }
}

interface Results {
  tokens: TokenList
  keys: readonly KeyDescription[]
  keygen: GeneratedKey
  'import-cert': ImportedCertificate
  /** All that there is to say has been told as progress. */
  check: null
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

/** Also the sign of life that a library has come back from a call; told as often as that may take long. */
export type Progress =
  | { readonly type: 'begins'; readonly step: CheckStep }
  | { readonly type: 'found'; readonly finding: Finding }
  | { readonly type: 'failed'; readonly step: CheckStep; readonly failure: Failure }
  | { readonly type: 'alive' }

export type FromAdministration = Answer | { readonly type: 'progress'; readonly progress: Progress }

export type Answer =
  | { readonly type: 'done'; readonly result: Results[OrderType] }
  | { readonly type: 'failed'; readonly failure: Failure }
