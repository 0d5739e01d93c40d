/** Calls the signing service from the page, and keeps what went over the wire for those who want to see it. */

/** A request that brought no answer to use; `message` is the service's, if it has one. */
export class PageError extends Error {
  override readonly name = 'PageError'
  readonly code: string
  readonly status: number | undefined
  readonly requestId: string | undefined

  constructor(
    code: string,
    message: string,
    details: { status?: number; requestId?: string | undefined } = {},
  ) {
    super(message)
    this.code = code
    this.status = details.status
    this.requestId = details.requestId
  }
}

/** One request and its answer, with long values cut and without the token. */
export interface Exchange {
  readonly path: string
  readonly token: 'sent' | 'none'
  readonly request: unknown
  readonly status: number
  readonly durationMs: number
  readonly answer: unknown
}

export interface OcspAnswer {
  readonly serialNumber: string
  /** Base64 of an OCSPResponse (DER). */
  readonly body: string
}

export interface CertificatesAnswer {
  /** Base64 of PEM; the signer's comes first. */
  readonly certificates?: readonly string[]
  readonly ca_certificates?: readonly string[]
}

/** The answer of sign_hash, and of the callback in JSON. Values are base64 of DER, or of the bare signature. */
export interface SignatureAnswer extends CertificatesAnswer {
  readonly signedData?: string
  readonly pkcs7?: string
  /** A whole TimeStampResp (RFC 3161 2.4.2). */
  readonly timestampResponse?: string
  readonly ocspResponses?: readonly OcspAnswer[]
  readonly crls?: readonly string[]
  /** The level that was reached. */
  readonly level: string
  /** Code of the reason why it is lower than asked. */
  readonly shortfall?: string
}

export interface Service {
  /** All exchanges so far, in order. */
  readonly exchanges: readonly Exchange[]
  /** @throws PageError */
  post(path: string, body: unknown): Promise<unknown>
}

const TIMEOUT_MS = 15_000

/**
 * @param address of the service, without a path
 * @param token JSON Web Token; sent in the Authorization header alone
 */
export function createService(address: string, token: string | undefined): Service {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    async post(path, body) {
      const started = performance.now()
      const response = await send(`${address}${path}`, token, body)
      const answer = await response.json().catch(() => undefined)
      exchanges.push({
        ...{ path, token: token === undefined ? 'none' : 'sent' },
        ...{ request: abbreviate(body), status: response.status, answer: abbreviate(answer) },
        durationMs: performance.now() - started,
      })
      if (!response.ok) throw refusalOf(response.status, answer)
      if (typeof answer !== 'object' || answer === null) {
        throw new PageError('INVALID_ANSWER', 'The answer is not JSON', { status: response.status })
      }
      return answer
    },
  }
}

async function send(url: string, token: string | undefined, body: unknown): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError'
    throw timedOut
      ? new PageError('SERVICE_TIMEOUT', `There was no answer from ${url} within ${TIMEOUT_MS / 1000} s`)
      : new PageError('SERVICE_UNREACHABLE', `There is no answer from ${url}`)
  }
}

/** Reads `{ code, message, requestId }`, which every refusal of the service has. */
function refusalOf(status: number, answer: unknown): PageError {
  const { code, message, requestId } = (answer ?? {}) as Readonly<Record<string, unknown>>
  return new PageError(typeof code === 'string' ? code : 'UNKNOWN', `${message ?? 'It gave no reason.'}`, {
    status,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  })
}

const SHOWN_CHARACTERS = 48

/** Returns a copy of a JSON value whose long texts are cut. */
function abbreviate(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'string' && inner.length > 2 * SHOWN_CHARACTERS
      ? `${inner.slice(0, SHOWN_CHARACTERS)}… (${inner.length.toLocaleString('en')} characters)`
      : inner,
  )
  return text === undefined ? undefined : JSON.parse(text)
}
