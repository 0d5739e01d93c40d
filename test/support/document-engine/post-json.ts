import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { SignPdfError } from './errors.ts'

export interface Answer {
  /** HTTP status. */
  status: number
  contentType: string | undefined
  body: Buffer
  /** From the request to the last byte of the answer. */
  durationMs: number
}

/**
 * POSTs JSON and reads the whole answer, whatever its status.
 *
 * Over node:http because the service's usual port, 6000, is one of the ports that `fetch` refuses (Fetch standard,
 * "bad port").
 *
 * @param timeoutMs limit of the whole exchange
 * @throws SignPdfError SERVICE_TIMEOUT, SERVICE_UNREACHABLE
 */
export async function postJson(url: string, json: string, timeoutMs: number): Promise<Answer> {
  const started = performance.now()
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await send(url, json, signal)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'],
      body: Buffer.concat(chunks),
      durationMs: performance.now() - started,
    }
  } catch (cause) {
    if (signal.aborted) {
      throw new SignPdfError(
        'SERVICE_TIMEOUT',
        `The signing service at ${url} did not answer within ${timeoutMs} ms`,
        { cause },
      )
    }
    const { code, message } = cause as NodeJS.ErrnoException
    throw new SignPdfError(
      'SERVICE_UNREACHABLE',
      `The signing service at ${url} cannot be reached: ${message || code}`,
      { cause },
    )
  }
}

function send(url: string, json: string, signal: AbortSignal): Promise<IncomingMessage> {
  const request = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest
  const body = Buffer.from(json)
  const headers = { 'content-type': 'application/json', 'content-length': body.byteLength }
  return new Promise((resolve, reject) => {
    // No keep-alive: a socket that the service closes between two calls would fail the second one.
    const outgoing = request(url, { method: 'POST', agent: false, headers, signal }, resolve)
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
