/** Descriptions of what is on a token, for people and programs. */
import type { KeyProtection } from '../messages.ts'

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

export interface UnreadableSlot {
  readonly slot: number
  /** The call and what it returned. */
  readonly error: string
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
