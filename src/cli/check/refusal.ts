/** Says what a refusal of the service tells about it: that it does not sign, or that it was asked for the wrong thing. */
import { escapeInvisible } from '../../common/quote.ts'

export interface Refusal {
  /**
   * `failed` if the service does not sign, `asked wrongly` if nothing is known of that, and `other form` if the signer
   * makes no signatures of this kind.
   */
  readonly kind: 'failed' | 'asked wrongly' | 'other form'
  readonly found: string
  readonly advice: string
}

/** Most characters of what was answered, which may be the page of something else. */
const MAX_TOLD = 300
const ADVICE = 'Look up the code in docs/operations.md, and the request in the log of the service'
const NEW_TOKEN = 'Give the check a token that may have this signed: --token-file, or CHECK_TOKEN'

/** Advice for codes that say nothing about whether the service signs. */
const ASKED_WRONGLY: Readonly<Record<string, string>> = {
  SIGNING_TOKEN_MISSING: NEW_TOKEN,
  SIGNING_TOKEN_INVALID: NEW_TOKEN,
  NOT_ALLOWED:
    'Allow the user of this check what it asks for, or have it ask for less: --signer, --container, --hash',
  RATE_LIMITED: 'Check less often, or raise the limit',
  UNSUPPORTED_HASH_ALGORITHM: 'Name a hash algorithm that the signer allows: --hash',
  NOT_ALLOWED_FOR_SIGNER: 'Ask for what the signer makes: --container, --type',
  SIGNER_MISMATCH: 'Name the signer in the path of --url, or by --signer, and not in both',
  INVALID_REQUEST: 'Name the signers: --signer',
}

/**
 * Judges a refusal.
 *
 * @param body JSON object that came with it; undefined if none came, since something else answered
 */
export function judgeRefusal(status: number, body: Readonly<Record<string, unknown>> | undefined): Refusal {
  const code = `${body?.code ?? ''}`
  const told = [body?.code, body?.message].filter((one) => typeof one === 'string').join(': ')
  const found = escapeInvisible(`answers ${status} ${told.slice(0, MAX_TOLD)}`.trimEnd())
  const advice = Object.hasOwn(ASKED_WRONGLY, code) ? ASKED_WRONGLY[code] : undefined
  if (advice === undefined) {
    return { kind: 'failed', found, advice: ADVICE }
  }
  return { kind: code === 'NOT_ALLOWED_FOR_SIGNER' ? 'other form' : 'asked wrongly', found, advice }
}
