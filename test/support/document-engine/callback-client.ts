import { X509Certificate } from 'node:crypto'
import { SignPdfError } from './errors.ts'
import { type Answer, type ExchangeError, exchange } from './exchange.ts'
import type { HashAlgorithm, SignatureType } from './signature-options.ts'

export type Action = 'get_certificates' | 'sign' | 'sign_pkcs7'

/** One callback as it was made and answered. */
export interface Call extends Answer {
  action: Action
  /** The JSON body that was sent. */
  request: Readonly<Record<string, string>>
}

export interface CallbackClientOptions {
  /** SIGNING_SERVICE_URL. */
  url: string
  timeoutMs: number
  signingToken?: string | undefined
}

/** What both signing callbacks say about the signature to make. */
export interface SignatureParameters {
  hash: HashAlgorithm
  type: SignatureType
}

export interface CallbackClient {
  /** All callbacks so far, in order. */
  readonly calls: readonly Call[]
  /** DER, the signer's certificate first, then those of the CAs. */
  getCertificates(): Promise<[Buffer, ...Buffer[]]>
  /** The bare signature octets over `data`. */
  sign(parameters: SignatureParameters & { data: Uint8Array }): Promise<Buffer>
  /** DER of the detached SignedData over `contents`. */
  signPkcs7(parameters: SignatureParameters & { digest: Uint8Array; contents: Uint8Array }): Promise<Buffer>
}

async function postJson({ url, timeoutMs }: CallbackClientOptions, json: string): Promise<Answer> {
  try {
    return await exchange(url, timeoutMs, { contentType: 'application/json', body: Buffer.from(json) })
  } catch (cause) {
    const { message, timedOut } = cause as ExchangeError
    const code = timedOut ? 'SERVICE_TIMEOUT' : 'SERVICE_UNREACHABLE'
    throw new SignPdfError(code, `The signing service at ${url} ${message}`, { cause })
  }
}

/** The answer's `{ code, message }`, or its text when it is no such JSON. */
function refusalOf({ status, body }: Answer): { status: number; code: string | undefined; message: string } {
  const text = body.toString('utf8')
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    if (typeof message === 'string') {
      return { status, code: typeof code === 'string' ? code : undefined, message }
    }
  } catch {
    // Proxies and other services answer with plain text or HTML.
  }
  return { status, code: undefined, message: text.slice(0, 500) }
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}

/** Each entry is base64 of PEM text; the signer's certificate comes first. */
function certificatesOf(body: Buffer): [Buffer, ...Buffer[]] {
  try {
    const answer = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    const entries = [...stringsOf(answer.certificates), ...stringsOf(answer.ca_certificates)]
    const [leaf, ...chain] = entries.map(
      (entry) => new X509Certificate(Buffer.from(entry, 'base64').toString('latin1')).raw,
    )
    if (leaf) return [leaf, ...chain]
  } catch (cause) {
    throw new SignPdfError('INVALID_ANSWER', 'get_certificates did not answer with base64 of PEM', { cause })
  }
  throw new SignPdfError('INVALID_ANSWER', 'get_certificates answered without a certificate')
}

/**
 * A client of the signing service callback. Every method makes one POST and throws SignPdfError
 * (SERVICE_UNREACHABLE, SERVICE_TIMEOUT, SERVICE_REFUSED, INVALID_ANSWER) when it brings no signature.
 */
export function createCallbackClient(options: CallbackClientOptions): CallbackClient {
  const calls: Call[] = []

  async function post(action: Action, fields: Record<string, string>): Promise<Buffer> {
    const request = {
      action,
      ...fields,
      ...(options.signingToken === undefined ? {} : { signing_token: options.signingToken }),
    }
    const answer = await postJson(options, JSON.stringify(request))
    calls.push({ action, request, ...answer })
    if (answer.status !== 200) {
      const refusal = refusalOf(answer)
      const words = [refusal.status, refusal.code, refusal.message].filter(Boolean).join(' ')
      throw new SignPdfError('SERVICE_REFUSED', `The signing service refused ${action}: ${words}`, {
        refusal,
      })
    }
    if (answer.body.byteLength === 0) {
      throw new SignPdfError('INVALID_ANSWER', `The signing service answered ${action} with an empty body`)
    }
    return answer.body
  }

  return {
    calls,
    async getCertificates() {
      return certificatesOf(await post('get_certificates', {}))
    },
    sign({ hash, type, data }) {
      return post('sign', {
        data_to_be_signed: Buffer.from(data).toString('base64'),
        hash_algorithm: hash,
        signature_type: type,
      })
    },
    signPkcs7({ hash, type, digest, contents }) {
      return post('sign_pkcs7', {
        digest: Buffer.from(digest).toString('hex'),
        encoded_contents: Buffer.from(contents).toString('base64'),
        hash_algorithm: hash,
        signature_type: type,
      })
    },
  }
}
