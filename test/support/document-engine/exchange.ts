import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** Most bytes of an answer: CRLs of large authorities have some 10 MB. Without a limit, an endless one would fill the memory. */
const MAX_BYTES = 50_000_000

/** Body of a POST. */
export interface Content {
  readonly contentType: string
  readonly body: Uint8Array
}

export interface Answer {
  /** HTTP status. */
  status: number
  contentType: string | undefined
  body: Buffer
  /** Time from the request to the last byte of the answer. */
  durationMs: number
}

/** There is no answer; the message is a predicate of the address, such as `cannot be reached: ...`. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError'
  readonly timedOut: boolean

  constructor(message: string, timedOut: boolean, cause: unknown) {
    super(message, { cause })
    this.timedOut = timedOut
  }
}

/**
 * POSTs what there is, or GETs, and reads the whole answer, whatever its status.
 *
 * Over node:http because the service's usual port, 6000, is one of the ports that `fetch` refuses (Fetch standard,
 * "bad port").
 *
 * @param timeoutMs limit of the whole exchange
 * @throws ExchangeError
 */
export async function exchange(url: string, timeoutMs: number, content?: Content): Promise<Answer> {
  const started = performance.now()
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await send(url, signal, content)
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MAX_BYTES) throw new Error(`it sends more than ${MAX_BYTES} bytes`)
      chunks.push(chunk)
    }
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'],
      body: Buffer.concat(chunks),
      durationMs: performance.now() - started,
    }
  } catch (cause) {
    if (signal.aborted) throw new ExchangeError(`did not answer within ${timeoutMs} ms`, true, cause)
    const { code, message } = cause as NodeJS.ErrnoException
    throw new ExchangeError(`cannot be reached: ${message || code}`, false, cause)
  }
}

/**
 * Asks a timestamp authority, OCSP responder or distribution point.
 *
 * @returns the body of its answer
 * @throws Error where there is no answer, or one of another status than 200; see ExchangeError for its message
 */
export async function askAuthority(url: string, timeoutMs: number, content?: Content): Promise<Buffer> {
  const { status, body } = await exchange(url, timeoutMs, content)
  if (status !== 200) throw new Error(`answered with status ${status}`)
  return body
}

function send(url: string, signal: AbortSignal, content: Content | undefined): Promise<IncomingMessage> {
  const request = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest
  const posted = content && {
    method: 'POST',
    headers: { 'content-type': content.contentType, 'content-length': content.body.byteLength },
  }
  return new Promise((resolve, reject) => {
    // No keep-alive: a socket that the service closes between two calls would fail the second one.
    const outgoing = request(url, { ...posted, agent: false, signal }, resolve)
    outgoing.on('error', reject)
    outgoing.end(content?.body)
  })
}
