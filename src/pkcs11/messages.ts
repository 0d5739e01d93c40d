/** The messages between the HTTP process, the signer process and its session workers. */

import type { SignatureAlgorithm, SignMechanism } from '../algorithms/signature-algorithm.ts'
import type { KeySelector, TokenAccess } from '../configuration/signer-configuration.ts'
import type { ToldPin } from './pin-version.ts'
import type { TokenFailure } from './return-values.ts'

/** Attributes that tell whether there may be copies of a private key (PKCS#11 2.40 4.9); null where the token does not show one. */
export interface KeyProtection {
  readonly sensitive: boolean | null
  readonly extractable: boolean | null
  readonly local: boolean | null
  readonly alwaysSensitive: boolean | null
  readonly neverExtractable: boolean | null
}

/** The private key that signs, as it was found on the token. */
export interface FoundKey {
  /** Shown to people; the token's own may not be UTF-8. */
  readonly label: string
  /** CKA_LABEL as the token has it, for finding the key again. */
  readonly labelBytes: Uint8Array
  /** CKA_ID in lower-case hex. */
  readonly id: string
  /** DER SubjectPublicKeyInfo; absent where the token does not let it be read. */
  readonly publicKey?: Uint8Array
  /** DER of the certificates that belong to the key, at least one; only looked for when no file gives it. */
  readonly certificates?: readonly Uint8Array[]
  /** Label and id of the key that the signer certificate belongs to, as messages show them, where that is another one. */
  readonly certifiedKey?: string
  readonly protection: KeyProtection
}

export interface FoundToken {
  readonly label: string
  readonly serial: string
  readonly manufacturer: string
  readonly model: string
}

/** A private key that is to be found on the token. */
export interface KeyRequest {
  readonly selector: KeySelector
  /** DER SubjectPublicKeyInfo of the signer certificate; absent where no file gives it. */
  readonly publicKey?: Uint8Array
  /** Whether the certificate is to be found on the token too. */
  readonly certificateOnToken: boolean
  /** Absent where the type of the key decides. */
  readonly algorithm?: SignatureAlgorithm['name']
}

/** Everything that the signer process needs to open the token. */
export interface OpenRequest {
  readonly access: TokenAccess
  readonly keys: readonly KeyRequest[]
  /** The PIN, where no file holds it: from a variable, or typed by a person. */
  readonly givenPin?: string
}

/** The key that was found for a request, or why none was. */
export type KeyOutcome = FoundKey | KeyFailure

export function isFound(outcome: KeyOutcome): outcome is FoundKey {
  return 'labelBytes' in outcome
}

/** A part that the configuration names and that is not there, or does not fit. The HTTP process knows its setting. */
export type Subject = 'module' | 'token' | 'slot' | 'pin' | 'key' | 'certificate'

export interface KeyFailure extends Explanation {
  readonly about: Subject
}

/** Argument of the processes whose parent has given each of them a user of its own. */
export const APART = 'apart'

/**
 * Orders of the HTTP process to its parent, which does nothing else for it. They come by Node's IPC, in JSON. The HTTP
 * process chooses the number of a signer process, and names none twice.
 */
export type ToParent =
  | { readonly type: 'start'; readonly id: number; readonly sessions: number }
  | { readonly type: 'kill'; readonly id: number }

/** Messages of the parent to the HTTP process. */
export type FromParent =
  /** Hands over the next channel of a signer process; the main thread's is the first. */
  | { readonly type: 'channel'; readonly id: number }
  /** All of its channels were handed over, and the parent has closed its own ends of them. */
  | { readonly type: 'started'; readonly id: number }
  /** It has ended, or could not be started. */
  | { readonly type: 'ended'; readonly id: number; readonly how: string }

/** File descriptor of the main thread's channel in the signer process. */
export const MAIN_CHANNEL = 3
/** Time that a secret of AWS Secrets Manager may take to be read, with the search for credentials and repeats, in ms. */
export const PIN_TIMEOUT_MS = 5_000

/** File descriptor of the channel of session 0 in the signer process. */
export const FIRST_CHANNEL = 4

/** Messages to a signer process. */
export type ToSignerProcess = ToMainThread | ToSession

/** Sent by the main thread's channel. */
export type ToMainThread =
  | ({ readonly type: 'open' } & OpenRequest)
  | { readonly type: 'log-in' }
  /** Answers the question whether `C_Login` may be called. Where it may not, the process is closed. */
  | { readonly type: 'login-allowed' }
  /** Searches the open token for keys that were not there, or not to be used; answered where that was possible. */
  | { readonly type: 'find-keys'; readonly keys: readonly number[] }
  /**
   * Starts a worker for a session, which begins with this order, and reads others from its channel. Where no thread can be started,
   * the main thread answers for it that the session cannot be opened, and the worker is not there until the next such message.
   */
  | { readonly type: 'start'; readonly order: ReopenOrder }
  /** The sessions are closed besides: by the end of their channels. */
  | { readonly type: 'close' }

/** An order carries a ticket, and its answer the same, so that an answer to an older order is recognized and dropped. */
interface Ticket {
  readonly session: number
  readonly ticket: number
}

export interface SignOrder extends Ticket {
  readonly type: 'sign'
  /** Place of the key in the open request. */
  readonly key: number
  readonly mechanism: SignMechanism
  /** Input of the mechanism: a DER DigestInfo for `CKM_RSA_PKCS`, else a digest. */
  readonly data: Uint8Array
}

/** An order that a session works on until it has answered. */
export type SessionOrder = SignOrder | ReopenOrder

/** Opens the session, or closes what is there and opens it anew, and finds one of the keys in it. */
export type ReopenOrder = Ticket & { readonly type: 'reopen'; readonly key: number }

/** Sent by the channel of the session. */
export type ToSession =
  | SessionOrder
  /** Takes an order to sign back. Where the session has read it before, it signs all the same, and answers with that. */
  | (Ticket & { readonly type: 'withdraw' })
  /** Closes the session until it is opened anew. It is not answered. */
  | { readonly type: 'end'; readonly session: number }

/** Why a token could not be opened. */
export type OpenFailure =
  /** It will not work until the configuration changes. */
  | ({ readonly kind: 'configuration' } & KeyFailure)
  /** It may work later. */
  | ({ readonly kind: 'unavailable' } & Explanation)
  /** The PIN was refused, and must not be tried again. */
  | { readonly kind: 'pin'; readonly returnValue: string }

export interface Explanation {
  /** For the log; may name paths and what is on the token, never the PIN. */
  readonly message: string
  /** For everybody who can reach the service. */
  readonly reason: string
}

/** Messages of a signer process. Those of sessions are sent by their channels, the others by the main thread's. */
export type FromSignerProcess =
  | { readonly type: 'opened'; readonly token: FoundToken; readonly keys: readonly KeyOutcome[] }
  | { readonly type: 'open-failed'; readonly failure: OpenFailure }
  /** Asks whether `C_Login` may be called with this PIN. Nothing else happens until that is allowed. */
  | { readonly type: 'login-wanted'; readonly told: ToldPin }
  /** `C_Login` was called; said before what comes of it. */
  | { readonly type: 'login-answered'; readonly returnValue: string }
  | FromOpenToken

/** Messages of a signer process whose token is open. */
export type FromOpenToken =
  /** All keys of the open request, as they were last found. */
  { readonly type: 'keys-found'; readonly keys: readonly KeyOutcome[] } | LoginOutcome | FromSession

/** Outcome of the order to log in again. */
export type LoginOutcome =
  | { readonly type: 'logged-in' }
  | { readonly type: 'log-in-failed'; readonly failure: TokenFailure }

export type FromSession =
  | FromLibrary
  /** The order was taken back in time: it has not been, and will not be, begun with. */
  | (Ticket & { readonly type: 'withdrawn' })

/** A session sends this after a call of the library. */
export type FromLibrary = Ticket & {
  /** How long the library took. */
  readonly seconds: number
} & (
    | { readonly type: 'session-opened' }
    | { readonly type: 'session-failed'; readonly failure: TokenFailure }
    | { readonly type: 'signed'; readonly signature: Uint8Array }
    | { readonly type: 'sign-failed'; readonly failure: TokenFailure }
  )

/** Data that a session worker is started with. Handles are the buffers that pkcs11js gives: slot ids can exceed 2^53. */
export interface SessionWorkerData {
  /** The first one. */
  readonly order: ReopenOrder
  readonly module: string
  readonly slot: Uint8Array
  readonly keys: KeyReferences
}

/** Data by which a key is found again. */
export type KeyReference = Pick<FoundKey, 'labelBytes' | 'id' | 'publicKey'>

/** The keys in the order of the open request, undefined where one was not found. Workers are sent those of later searches. */
export type KeyReferences = readonly (KeyReference | undefined)[]
