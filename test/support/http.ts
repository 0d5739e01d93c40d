import { type Agent, type IncomingHttpHeaders, request } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { keepRequest, lookThroughAnswer } from './secret-watch.ts'

export interface Answer {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The body, parsed as JSON. */
  json(): Record<string, unknown>
}

/** PEM for https: whom to trust, and what to show. */
export interface TlsOptions {
  readonly ca: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  /** Name that the certificate must have; that of the URL by default. */
  readonly servername?: string
}

export interface SendOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  /** With TLS each request has a connection of its own by default. */
  readonly agent?: Agent
  readonly tls?: TlsOptions | undefined
  /** The headers go out at once, the body so much later; by default together. */
  readonly bodyAfterMs?: number
  /** Fails when nothing is heard for so long; never by default. */
  readonly timeoutMs?: number
}

/** One HTTP request over node:http, which, other than fetch, reaches every port. A body is sent as JSON by default. */
export function send(
  url: string,
  { method = 'GET', headers = {}, body, agent, tls, bodyAfterMs, timeoutMs = 0 }: SendOptions = {},
): Promise<Answer> {
  keepRequest(headers.authorization, body)
  return new Promise((resolve, reject) => {
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const outgoing = (tls ? requestTls : request)(
      url,
      {
        method,
        headers: { ...type, ...headers },
        ...(tls ? { agent: new TlsAgent(), ...tls } : {}),
        ...(agent ? { agent } : {}),
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const content = Buffer.concat(chunks)
          const { statusCode = 0 } = incoming
          lookThroughAnswer(method, url, statusCode, content)
          resolve({
            statusCode,
            headers: incoming.headers,
            body: content,
            json: () => JSON.parse(content.toString('utf8')),
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer for ${timeoutMs} ms`)))
    if (bodyAfterMs === undefined) {
      outgoing.end(body)
    } else {
      outgoing.flushHeaders()
      setTimeout(() => outgoing.end(body), bodyAfterMs)
    }
  })
}
