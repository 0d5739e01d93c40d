/** A request and its answer over HTTP (RFC 3161 3.4). By node:http since `fetch` refuses ports and client certificates. */
import { type Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { TimestampFault } from './timestamp-fault.ts'

/** Bytes. Tokens have 1 to 12 kB. */
const ANSWER_LIMIT = 65_536
const QUERY = 'application/timestamp-query'
const REPLY = 'application/timestamp-reply'

export interface Exchange {
  readonly url: URL
  readonly agent: Agent
  /** DER TimeStampReq. */
  readonly body: Buffer
  /** Value of the Authorization header. */
  readonly authorization?: string
  /** PEM; for https. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
  readonly signal: AbortSignal
}

/**
 * @returns the body of a good answer
 * @throws TimestampFault that says why there is none
 */
export async function exchange(details: Exchange): Promise<Buffer> {
  try {
    const incoming = await post(details)
    checkHead(incoming)
    return await readBody(incoming)
  } catch (error) {
    if (error instanceof TimestampFault) {
      throw error
    }
    const { code = 'without a code' } = error as NodeJS.ErrnoException
    throw new TimestampFault('unreachable', `cannot be reached, or broke off (${code})`)
  }
}

/** A connection that was kept may end as it is used anew, of which a request on a new one knows nothing. */
async function post(details: Exchange): Promise<IncomingMessage> {
  for (;;) {
    const outgoing = open(details)
    try {
      return await answerTo(outgoing, details.body)
    } catch (error) {
      if (!outgoing.reusedSocket || details.signal.aborted) {
        throw error
      }
    }
  }
}

function open({ url, agent, body, authorization, tls, signal }: Exchange): ClientRequest {
  const headers = {
    'content-type': QUERY,
    'content-length': body.length,
    accept: REPLY,
    'user-agent': 'signing-service',
    ...(authorization === undefined ? {} : { authorization }),
  }
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  try {
    return request(url, { method: 'POST', headers, agent, signal, ...tls })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TimestampFault('misconfigured', `has TLS files that OpenSSL refuses (${code}); correct them`)
  }
}

function answerTo(outgoing: ClientRequest, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve)
    // 101: another protocol, which nobody has asked for; without a listener nothing is told of it
    outgoing.on('upgrade', (incoming, socket) => {
      socket.destroy()
      resolve(incoming)
    })
    // Which can come after the answer has begun too
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function checkHead(incoming: IncomingMessage): void {
  const { statusCode, headers } = incoming
  const [type = ''] = `${headers['content-type'] ?? ''}`.split(';')
  const problem =
    statusCode !== 200
      ? `answered with the HTTP status ${statusCode}${adviceFor(Number(statusCode))}`
      : type.trim().toLowerCase() !== REPLY
        ? `answered with another content type than ${REPLY}; check its address`
        : undefined
  if (problem !== undefined) {
    incoming.destroy()
    throw new TimestampFault('http_error', problem)
  }
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) {
    return '; check its user and password, or its client certificate'
  }
  return status === 404 || (status >= 300 && status < 400) ? '; check its address' : ''
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  // Which ends the connection where it is left early
  for await (const chunk of incoming) {
    length += chunk.length
    if (length > ANSWER_LIMIT) {
      throw new TimestampFault('malformed', `sent more than ${ANSWER_LIMIT} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
