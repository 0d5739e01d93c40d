import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { type ParsedUrlQuery, parse } from 'node:querystring'
import fp from 'fastify-plugin'
import { EXPECTATION_FAILED, HEADERS_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE } from '../errors.ts'
import { discardBody } from '../requests/body/discard-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Time at which the request line and headers were read, in ms of `performance.now()`. */
    arrivedAt: number
  }
}

/**
 * Returns the id of every request, and refuses requests without one host, or with two Authorization headers, and bodies that are
 * framed in another way than chunked or by their length, or are not plain JSON.
 */
export const httpDefaults = fp(
  async (app) => {
    // Fastify would read any JSON body whole, and text too, which a page of any origin may send
    app.removeAllContentTypeParsers()
    app.decorateRequest('arrivedAt', 0)
    /** Requests with an expectation other than 100-continue (RFC 9110 10.1.1), to which Node itself sends no body. */
    const unmet = new WeakSet<IncomingMessage>()
    app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      unmet.add(request)
      app.server.emit('request', request, response)
    })
    app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      const goOn = () => response.headersSent || response.writeContinue()
      // In front of an answer that waits behind another one, Node.js would write it into that answer
      if (response.socket === null) {
        response.once('socket', goOn)
      } else {
        goOn()
      }
      app.server.emit('request', request, response)
    })
    app.addHook('onRequest', (request, reply, done) => {
      request.arrivedAt = performance.now()
      reply.header('x-request-id', request.id)
      if (request.method !== 'POST' || request.is404) {
        // Nobody reads the body, which Node.js would keep until the answer
        discardBody(request.raw)
      }
      if (!isFramedAlike(request.raw)) {
        reply.header('connection', 'close')
        throw new INVALID_REQUEST('Transfer-Encoding must be chunked alone, in HTTP/1.1')
      }
      done(unmet.has(request.raw) ? new EXPECTATION_FAILED() : findProblem(request.raw))
    })
    // This runs after the hooks that let a browser read the refusal, and before the body is read
    app.addHook('preParsing', (request, reply, payload, done) => {
      const encoding = request.headers['content-encoding']
      if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
        // The answer says which coding is accepted (RFC 9110 15.5.16)
        reply.header('accept-encoding', 'identity')
        throw new UNSUPPORTED_MEDIA_TYPE('The body must be sent without Content-Encoding')
      }
      done(null, payload)
    })
  },
  { name: 'http-defaults' },
)

/** Most headers of a request. Node silently drops those beyond a thousand, and Origin could be one of them. */
export const MAX_HEADERS = 200

/** Most characters of Accept, of which browsers send some 200. To find out what 16 kB of them mean takes 45 ms. */
const MAX_ACCEPT = 1_024

/** Most characters of a Content-Type. Fastify caches a hundred of them, which would take 40 MB without a limit. */
const MAX_CONTENT_TYPE = 256

/** Most characters of a query, which no request needs: thousands of names would take memory as long as the request lasts. */
const MAX_QUERY = 1_024

/** Parses the query of a request, unless that is refused because of it. */
export function parseQuery(query: string): ParsedUrlQuery {
  return query.length > MAX_QUERY ? {} : parse(query, '&', '=', { maxKeys: 0 })
}

function findProblem({ httpVersion, rawHeaders, headers, url = '' }: IncomingMessage): Error | undefined {
  const { accept = '', 'content-type': contentType = '' } = headers
  // The array holds names and values in turn
  const [, query = ''] = /[?#](.*)$/.exec(url) ?? []
  if (rawHeaders.length > 2 * MAX_HEADERS || accept.length > MAX_ACCEPT || query.length > MAX_QUERY) {
    return new HEADERS_TOO_LARGE()
  }
  if (contentType.length > MAX_CONTENT_TYPE) {
    return new UNSUPPORTED_MEDIA_TYPE(`Content-Type must not have more than ${MAX_CONTENT_TYPE} characters`)
  }
  // HTTP/1.1 requires one Host header (RFC 9112 3.2), HTTP/1.0 none
  const hosts = countHeaders(rawHeaders, 'host')
  if (hosts !== 1 && !(hosts === 0 && httpVersion === '1.0')) {
    return new INVALID_REQUEST('a request must have one Host header')
  }
  // Node would drop all but the first, of which a proxy may have looked at another one
  return countHeaders(rawHeaders, 'authorization') > 1
    ? new INVALID_REQUEST('a request must not have two Authorization headers')
    : undefined
}

/**
 * Returns whether all who read a request agree where its body ends and what is in it. Node takes any list that ends in chunked
 * for chunked, leaves what else is in it undone, and does so for HTTP/1.0 too, whose servers must not (RFC 9112 6.1).
 */
function isFramedAlike({ httpVersion, headers }: IncomingMessage): boolean {
  const { 'transfer-encoding': encoding } = headers
  return encoding === undefined || (encoding.toLowerCase() === 'chunked' && httpVersion === '1.1')
}

/** @param rawHeaders names and values in turn */
function countHeaders(rawHeaders: readonly string[], wanted: string): number {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    count += name.length === wanted.length && name.toLowerCase() === wanted ? 1 : 0
  }
  return count
}
