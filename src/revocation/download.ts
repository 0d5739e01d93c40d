import http from 'node:http'
import https from 'node:https'

const MAX_REDIRECTS = 3
/** The same request goes to another address; 303 would mean another request (RFC 9110 15.4). */
const REDIRECTS = [301, 302, 307, 308]

export interface Download {
  readonly url: URL
  /** What is posted, and its media type; without it, the request is a GET. */
  readonly post?: { readonly type: string; readonly body: Buffer }
  /** Bytes. */
  readonly limit: number
  /** For all of it, redirects included. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * What an address answers with 200. By node:http, since fetch refuses some ports.
 *
 * @throws Error whose message says what came instead, or that the signal said to stop
 */
export async function download({ timeoutMs, signal, ...options }: Download): Promise<Buffer> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const stop = () => controller.abort(signal.reason)
  const late = () => controller.abort(new Error(`it did not answer within ${timeoutMs} ms`))
  const timer = setTimeout(late, timeoutMs).unref()
  signal.addEventListener('abort', stop)
  return await follow(options, controller.signal)
    .catch((error: NodeJS.ErrnoException) => {
      throw controller.signal.aborted ? controller.signal.reason : inWords(error)
    })
    .finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    })
}

/** Errors of the network have a code. */
function inWords(error: NodeJS.ErrnoException): Error {
  return error.code === undefined ? error : new Error(`it cannot be asked: ${error.message}`)
}

type Request = Pick<Download, 'url' | 'post' | 'limit'>

async function follow(request: Request, signal: AbortSignal): Promise<Buffer> {
  let url = request.url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await send({ ...request, url }, signal)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) {
      return await read(response, request.limit)
    }
    response.destroy()
    if (!REDIRECTS.includes(statusCode) || headers.location === undefined) {
      throw new Error(`it answered with HTTP ${statusCode}`)
    }
    url = redirected(url, headers.location)
  }
  throw new Error(`it redirects more than ${MAX_REDIRECTS} times`)
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (to === undefined || !(to.protocol === from.protocol || to.protocol === 'https:')) {
    throw new Error('it redirects to where it is not followed')
  }
  return to
}

/** On a connection of its own: the next request is hours away. */
function send({ url, post }: Request, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { request } = url.protocol === 'https:' ? https : http
  const headers = post && { 'content-type': post.type, 'content-length': post.body.length }
  return new Promise((resolve, reject) => {
    request(url, { method: post ? 'POST' : 'GET', agent: false, signal, headers: { ...headers } }, resolve)
      // 101: another protocol, which nobody has asked for; without a listener nothing would ever be told of it
      .on('upgrade', (response, socket) => {
        socket.destroy()
        resolve(response)
      })
      .on('error', reject)
      .end(post?.body)
  })
}

async function read(response: http.IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) {
      throw new Error(`it answered with more than ${limit} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
