/**
 * Says what each PKCS#11 return value means for the service: one table, so that what a real HSM teaches can be corrected
 * in one line. Names are those of PKCS#11 2.40 5.1.
 */

/**
 * Class of a return value: what it means. `pool/sessions.ts` and `pool/signing-jobs.ts` decide what follows from it.
 * - `find-key`: the key handle is stale; find the key again in the same session and repeat; then as the next
 * - `replace-session`: the session is gone or confused; open another in its place and repeat
 * - `log-in`: the token forgot the login; log in once for all sessions and repeat
 * - `throttled`: the token is short of something; wait a little and repeat
 * - `device`: the token or the library failed; replace the session, and the process when it holds for all of them
 * - `pin`: the end, whichever call it was, since another login might lock the user
 * - `permanent`: repeating cannot help
 */
export type Recovery =
  | 'find-key'
  | 'replace-session'
  | 'log-in'
  | 'throttled'
  | 'device'
  | 'pin'
  | 'permanent'

const RECOVERIES: Readonly<Record<string, Recovery>> = {
  CKR_KEY_HANDLE_INVALID: 'find-key',
  CKR_OBJECT_HANDLE_INVALID: 'find-key',

  CKR_SESSION_HANDLE_INVALID: 'replace-session',
  CKR_SESSION_CLOSED: 'replace-session',
  CKR_OPERATION_ACTIVE: 'replace-session',
  CKR_OPERATION_NOT_INITIALIZED: 'replace-session',

  CKR_USER_NOT_LOGGED_IN: 'log-in',

  // CloudHSM says these when it throttles
  CKR_FUNCTION_FAILED: 'throttled',
  CKR_HOST_MEMORY: 'throttled',
  CKR_DEVICE_MEMORY: 'throttled',
  CKR_SESSION_COUNT: 'throttled',

  CKR_DEVICE_ERROR: 'device',
  CKR_DEVICE_REMOVED: 'device',
  CKR_TOKEN_NOT_PRESENT: 'device',
  CKR_GENERAL_ERROR: 'device',
  CKR_CRYPTOKI_NOT_INITIALIZED: 'device',

  CKR_PIN_INCORRECT: 'pin',
  CKR_PIN_INVALID: 'pin',
  CKR_PIN_LEN_RANGE: 'pin',
  CKR_PIN_EXPIRED: 'pin',
  CKR_PIN_LOCKED: 'pin',
  CKR_USER_PIN_NOT_INITIALIZED: 'pin',

  CKR_MECHANISM_INVALID: 'permanent',
  CKR_MECHANISM_PARAM_INVALID: 'permanent',
  CKR_DATA_INVALID: 'permanent',
  CKR_DATA_LEN_RANGE: 'permanent',
  CKR_KEY_FUNCTION_NOT_PERMITTED: 'permanent',
  CKR_KEY_TYPE_INCONSISTENT: 'permanent',
  CKR_KEY_SIZE_RANGE: 'permanent',
}

/** Names of return values that the binding takes for a vendor's own, by number in hex (PKCS#11 2.40, 5.1.6). */
const UNKNOWN_TO_THE_BINDING: Readonly<Record<string, string>> = {
  '0x1b': 'CKR_ACTION_PROHIBITED',
  '0x140': 'CKR_CURVE_NOT_SUPPORTED',
}

/** All return values that the table names, for tests that try each of them. */
export const RETURN_VALUES: ReadonlyMap<string, Recovery> = new Map(Object.entries(RECOVERIES))

/** Return values that `C_Login` may give without having judged the PIN. */
const PIN_IS_NOT_JUDGED: ReadonlySet<string> = new Set([
  'CKR_CRYPTOKI_NOT_INITIALIZED',
  'CKR_DEVICE_ERROR',
  'CKR_DEVICE_MEMORY',
  'CKR_DEVICE_REMOVED',
  'CKR_GENERAL_ERROR',
  'CKR_HOST_MEMORY',
  'CKR_SESSION_CLOSED',
  'CKR_SESSION_COUNT',
  'CKR_SESSION_EXISTS',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_PARALLEL_NOT_SUPPORTED',
  'CKR_SESSION_READ_ONLY',
  'CKR_SESSION_READ_ONLY_EXISTS',
  'CKR_SESSION_READ_WRITE_SO_EXISTS',
  'CKR_TOKEN_NOT_PRESENT',
])

/** A failed PKCS#11 call, in a form that crosses processes. */
export interface TokenFailure {
  /** The return value's name, for example `CKR_DEVICE_ERROR`; its number in hex where it has none. */
  readonly returnValue: string
  /** The call, for example `C_Sign`; empty where it is not known. */
  readonly call: string
  readonly recovery: Recovery
}

/** The failure of a call whose signature does not verify: its session counts as broken. */
export const WRONG_SIGNATURE: TokenFailure = {
  returnValue: 'signature',
  call: 'C_Sign',
  recovery: 'replace-session',
}

/** Thrown where the key is not on the token any more, which speaks neither against the session nor against the token. */
export class KeyGoneError extends Error {
  constructor() {
    super('the private key is gone')
    this.name = 'KeyGoneError'
  }
}

/**
 * Meaning of an answer of `C_Login` for the PIN: it is `accepted`, `refused`, or `not-judged`. Any other answer is
 * `doubtful`, as it may have been counted as a wrong one: five of those lock a CloudHSM user.
 */
export type LoginAnswer = 'accepted' | 'refused' | 'not-judged' | 'doubtful'

export function readLoginAnswer(returnValue: string): LoginAnswer {
  if (returnValue === 'CKR_OK' || returnValue === 'CKR_USER_ALREADY_LOGGED_IN') {
    return 'accepted'
  }
  if (RECOVERIES[returnValue] === 'pin') {
    return 'refused'
  }
  return PIN_IS_NOT_JUDGED.has(returnValue) ? 'not-judged' : 'doubtful'
}

/** Answers of `C_Login` that are about the user, whose PIN may be right, with what to do. */
const USER_ADVICE: Readonly<Record<string, string>> = {
  CKR_PIN_LOCKED: 'the token has locked its user: have its security officer unlock it',
  CKR_USER_PIN_NOT_INITIALIZED: 'the user of the token has no PIN: have its security officer set it',
}

/** Returns what to do about an answer of `C_Login` for which the PIN need not be wrong; undefined for others. */
export function explainUser(returnValue: string): string | undefined {
  return USER_ADVICE[returnValue]
}

/**
 * Classifies what a call threw. Return values that are not in the table count as faults of the device; argument
 * mistakes, which the binding reports as TypeError, are permanent.
 */
export function describeFailure(error: unknown): TokenFailure {
  if (error instanceof TypeError) {
    return { returnValue: 'TypeError', call: '', recovery: 'permanent' }
  }
  if (error instanceof KeyGoneError) {
    return { returnValue: error.message, call: 'C_FindObjects', recovery: 'permanent' }
  }
  const { message, method = '', code = 0 } = error as { message: string; method?: string; code?: number }
  // The binding makes what most calls throw into `CKR_X` and its code, but leaves `CKR_X:48` of some, as C_FindObjects
  const [, name = message, number = code] = /^(CKR_\w+):(\d+)$/.exec(message) ?? []
  // The binding calls all that it has no name for CKR_VENDOR_DEFINED
  const returnValue =
    name === 'CKR_VENDOR_DEFINED' ? nameOf(`0x${Number(number).toString(16)}`) : withoutPath(name)
  return { returnValue, call: method, recovery: RECOVERIES[returnValue] ?? 'device' }
}

function nameOf(number: string): string {
  return UNKNOWN_TO_THE_BINDING[number] ?? number
}

/** Hides the message of an error that names a file: /health/ready shows it to everybody who asks. */
function withoutPath(message: string): string {
  return message.includes('/') ? 'an error that is no return value' : message
}

/** Return values by which a token refuses a key for good (PKCS#11 2.40 5.1), with their meaning. */
const ADVICE: Readonly<Record<string, string>> = {
  CKR_KEY_FUNCTION_NOT_PERMITTED: 'the key, or a policy of the HSM, does not allow it to sign',
  CKR_MECHANISM_INVALID: 'the HSM does not allow the mechanism for this key',
  CKR_MECHANISM_PARAM_INVALID:
    'the HSM does not allow the parameters of the mechanism, such as the hash of PSS',
  CKR_KEY_TYPE_INCONSISTENT: 'the key is of another type than the mechanism',
  CKR_KEY_SIZE_RANGE: 'the HSM does not sign with keys of its size',
  CKR_DATA_INVALID: 'the HSM does not sign a digest with this key',
  CKR_DATA_LEN_RANGE: 'the HSM does not sign a digest of this length with this key',
}

/** Returns what a return value means for a key that has never signed; undefined where another try may help. */
export function explainRefusal(returnValue: string): string | undefined {
  return ADVICE[returnValue]
}
