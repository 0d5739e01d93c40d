/** What the HTTP process, the signer process and its session workers say to each other. */
import type { HsmConfiguration } from '../config.ts'
import type { TokenFailure } from './return-values.ts'

/** The private key that signs, as it was found on the token. */
export interface FoundKey {
  /** For people: it is not always UTF-8. */
  readonly label: string
  /** CKA_LABEL as the token has it, for finding the key again. */
  readonly labelBytes: Uint8Array
  /** CKA_ID in lower-case hex. */
  readonly id: string
  /** DER SubjectPublicKeyInfo; absent where the token does not let the modulus be read. */
  readonly publicKey?: Uint8Array
  /** DER of the certificate that belongs to the key; only looked for when no file gives it. */
  readonly certificate?: Uint8Array
}

export interface FoundToken {
  readonly label: string
  readonly serial: string
  readonly manufacturer: string
  readonly model: string
}

/** What the signer process needs to open the token. */
export interface OpenRequest {
  readonly hsm: HsmConfiguration
  /** DER SubjectPublicKeyInfo of the signer certificate; absent when the certificate is to be found on the token. */
  readonly publicKey?: Uint8Array
  /** False where there need not be a certificate yet: none is looked for then. */
  readonly certified?: boolean
}

export type ToSignerProcess =
  | ({ readonly type: 'open' } & OpenRequest)
  | { readonly type: 'log-in' }
  | { readonly type: 'close' }
  | EndSession
  | ToSession

/** Every order carries a ticket, and its answer the same: an answer to an older order is recognized and dropped. */
export type ToSession =
  /** `data` is what CKM_RSA_PKCS pads and signs: a DER DigestInfo. */
  | { readonly type: 'sign'; readonly session: number; readonly ticket: number; readonly data: Uint8Array }
  /** Opens the session, or closes what is there and opens it anew. */
  | { readonly type: 'reopen'; readonly session: number; readonly ticket: number }

/** Closes one session. It is not answered. */
export interface EndSession {
  readonly type: 'end'
  readonly session: number
}

/** Why a token could not be opened. */
export type OpenFailure =
  /** It will not work until the configuration changes. */
  | ({ readonly kind: 'configuration'; readonly variable: string } & Explanation)
  /** It may work later. */
  | ({ readonly kind: 'unavailable' } & Explanation)
  /** The PIN was refused, and must not be tried again. */
  | { readonly kind: 'pin'; readonly returnValue: string }

interface Explanation {
  /** For the log; may name paths and what is on the token, never the PIN. */
  readonly message: string
  /** For everybody who can reach the service. */
  readonly reason: string
}

export type FromSignerProcess =
  | { readonly type: 'opened'; readonly token: FoundToken; readonly key: FoundKey }
  | { readonly type: 'open-failed'; readonly failure: OpenFailure }
  /** `C_Login` is about to be called: should nothing come after it, nobody knows what the token made of the PIN. */
  | { readonly type: 'login-begun' }
  /** `C_Login` was called; said before what comes of it. */
  | { readonly type: 'login-answered'; readonly returnValue: string }
  | { readonly type: 'logged-in' }
  | { readonly type: 'log-in-failed'; readonly failure: TokenFailure }
  | FromSession

export type FromSession = {
  readonly session: number
  readonly ticket: number
  /** How long the library took. */
  readonly seconds: number
} & (
  | { readonly type: 'session-opened' }
  | { readonly type: 'session-failed'; readonly failure: TokenFailure }
  | { readonly type: 'signed'; readonly signature: Uint8Array }
  | { readonly type: 'sign-failed'; readonly failure: TokenFailure }
)

/** What a session worker is started with. Handles are the buffers that pkcs11js gives: slot ids can exceed 2^53. */
export interface SessionWorkerData {
  readonly session: number
  /** Of the order that it is started for. */
  readonly ticket: number
  readonly module: string
  readonly slot: Uint8Array
  readonly key: Pick<FoundKey, 'labelBytes' | 'id' | 'publicKey'>
}
