/** Messages between the command line and the process that works on the token for it: one order, one answer, and progress. */
import type { LibraryConfiguration, TokenAccess } from '../../configuration/signer-configuration.ts'
import type { CheckRequest, Failure, Progress } from './check-messages.ts'
import type { CertificateDescription, KeyDescription, TokenList } from './descriptions.ts'

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
