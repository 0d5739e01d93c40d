import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'

export interface Reply {
  readonly status: number
  readonly body: string
}

/**
 * GET, or POST of a body of JSON. By node:http since `fetch` refuses port 6000.
 *
 * @param limitMs milliseconds without a byte after which it is given up
 * @throws Error that says why there is no answer
 */
export async function send(url: URL, limitMs: number, body?: object): Promise<Reply> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const [method, headers] =
    body === undefined ? ['GET', {}] : ['POST', { 'content-type': 'application/json' }]
  const outgoing = request(url, { method, headers })
  outgoing.setTimeout(limitMs, () => outgoing.destroy(new Error(`no answer for ${limitMs / 1000} seconds`)))
  outgoing.end(JSON.stringify(body))
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { status: Number(incoming.statusCode), body: await text(incoming) }
}

/** Where a name has several addresses, and none answers, the message is empty. */
export function describeError(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  return message || `${code}`
}
