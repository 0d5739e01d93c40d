/** Messages between the command line and the process that works on the token for it: one order, one answer, and progress. */
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { LibraryConfiguration, TokenAccess } from '../../configuration/signer-configuration.ts'
import type { FoundKey, FoundToken, KeyProtection, KeyRequest as SelectedKey, Subject } from '../messages.ts'
import type { MechanismDescription } from '../process/mechanism.ts'
import type { UnreadableSlot } from '../process/token.ts'

/** How to reach a token and log in for the command line. */
export interface AdministrationAccess extends TokenAccess {
  /** The PIN, where no file holds it: from a variable, or typed by a person. */
  readonly givenPin?: string
}

export interface KeyRequest {
  readonly label: string
  /** CKA_ID in hex. */
  readonly id: string
  /** Whether a private key may have the label already, as where the id was chosen to tell the two apart. */
  readonly mayShareLabel: boolean
  /** Length of an RSA modulus in bits, or the name of a curve. */
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

export interface DeletedCertificate {
  /** SHA-256 of its DER in hex. */
  readonly fingerprint: string
  /** The number of objects that held it. */
  readonly objects: number
}

export interface Version {
  readonly major: number
  readonly minor: number
}

export interface LibraryDescription {
  readonly description: string
  readonly manufacturer: string
  readonly version: Version
  /** Version of PKCS#11 that the library implements. */
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

export interface TokenList {
  readonly library: LibraryDescription
  readonly tokens: readonly (TokenDescription | UnreadableSlot)[]
}

/** A certificate object; null is what the token does not show, and what is no X.509 certificate does not have. */
export interface CertificateDescription {
  readonly label: string | null
  /** CKA_ID in lower-case hex. */
  readonly id: string | null
  readonly subject: string | null
  /** Upper-case hex. */
  readonly serialNumber: string | null
  /** ISO 8601, like the next one; null for a time that is none. */
  readonly notBefore: string | null
  readonly notAfter: string | null
  /** Whether the token shows a private key that the certificate belongs to. */
  readonly privateKey: boolean
  /** Whether the service takes it for that key, unless a file has the certificate. */
  readonly used: boolean
  /** SHA-256 of the value in hex. */
  readonly fingerprint: string | null
}

/** Null is what the token does not show. */
export interface KeyDescription extends KeyProtection {
  readonly label: string | null
  /** CKA_ID in lower-case hex. */
  readonly id: string | null
  /** `RSA`, `EC`, or the number of the type in hex. */
  readonly type: string | null
  readonly bits: number | null
  /** Its name, or the object identifier in hex. */
  readonly curve: string | null
  readonly sign: boolean | null
  readonly alwaysAuthenticate: boolean | null
  /** Whether there is a public key object with that id. */
  readonly publicKeyObject: boolean
  /** Whether there is a certificate object with that id. */
  readonly certificateObject: boolean
  /** SHA-256 of the DER SubjectPublicKeyInfo in hex. */
  readonly fingerprint: string | null
}

export interface Failure {
  /** What has to change, where it is the configuration that cannot work. */
  readonly about?: Subject
  readonly message: string
}

export interface CheckRequest {
  readonly key: SelectedKey
  /** DER SubjectPublicKeyInfo as it stands in the certificate; absent where that is to be found on the token. */
  readonly certifiedKey?: Uint8Array
  /** Names of those that signatures are made with, in turn. */
  readonly hashes: readonly HashAlgorithm['name'][]
  /** How many sessions are opened. */
  readonly sessions: number
  /** How many test signatures are made. */
  readonly signatures: number
}

/** Steps of a check, in their order. */
export type CheckStep =
  | 'library'
  | 'token'
  | 'login'
  | 'key'
  | 'mechanism'
  | 'sessions'
  | 'certificate'
  | 'signatures'

/** Findings of a step. */
export type Finding =
  | { readonly step: 'library'; readonly library: LibraryDescription }
  | { readonly step: 'token'; readonly token: FoundToken }
  | { readonly step: 'login' }
  | { readonly step: 'key'; readonly key: FoundKey }
  /** The one that the key signs with. */
  | { readonly step: 'mechanism'; readonly mechanism: MechanismDescription }
  /** How long each took that opened, in milliseconds; and why the next one did not. */
  | { readonly step: 'sessions'; readonly opened: readonly number[]; readonly failure?: Failure }
  /** DER, where it is on the token. */
  | { readonly step: 'certificate'; readonly certificate?: Uint8Array }
  | { readonly step: 'signatures'; readonly signatures: readonly TimedSignature[] }

export interface TimedSignature {
  readonly hash: HashAlgorithm['name']
  readonly signature: Uint8Array
  /** Milliseconds that `C_SignInit` took. */
  readonly initMs: number
  /** Milliseconds that `C_Sign` took. */
  readonly signMs: number
}

/** Also the sign of life that a library has come back from a call; told as often as that may take long. */
export type Progress =
  | { readonly type: 'begins'; readonly step: CheckStep }
  | { readonly type: 'found'; readonly finding: Finding }
  | { readonly type: 'failed'; readonly step: CheckStep; readonly failure: Failure }
  | { readonly type: 'alive' }

interface Orders {
  tokens: { readonly library: LibraryConfiguration }
  keys: { readonly access: AdministrationAccess }
  keygen: { readonly access: AdministrationAccess; readonly request: KeyRequest }
  'import-cert': { readonly access: AdministrationAccess; readonly request: CertificateRequest }
  certs: { readonly access: AdministrationAccess }
  'delete-cert': { readonly access: AdministrationAccess; readonly fingerprint: string }
  check: { readonly access: AdministrationAccess; readonly request: CheckRequest }
}

interface Results {
  tokens: TokenList
  keys: readonly KeyDescription[]
  keygen: GeneratedKey
  'import-cert': ImportedCertificate
  certs: readonly CertificateDescription[]
  'delete-cert': DeletedCertificate
  /** All that there is to say has been told as progress. */
  check: null
}

export type OrderType = keyof Orders
export type OrderOf<T extends OrderType> = { readonly type: T } & Orders[T]
export type Order = { [T in OrderType]: OrderOf<T> }[OrderType]
export type ResultOf<T extends OrderType> = Results[T]

export type FromAdministration = Answer | { readonly type: 'progress'; readonly progress: Progress }

export type Answer =
  | { readonly type: 'done'; readonly result: Results[OrderType] }
  | { readonly type: 'failed'; readonly failure: Failure }
