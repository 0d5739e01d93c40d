import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import { HEADERS_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request line and headers were read. Milliseconds of `performance.now()`. */
    arrivedAt: number
  }
}

/** Applies to every request: its id goes back, it names one host, and its body is plain JSON. */
export const httpDefaults = fp(
  async (app) => {
    // Fastify reads JSON by itself, whole and at any address, and text, which a page of any origin may send
    app.removeAllContentTypeParsers()
    app.decorateRequest('arrivedAt', 0)
    app.addHook('onRequest', (request, reply, done) => {
      request.arrivedAt = performance.now()
      reply.header('x-request-id', request.id)
      done(findProblem(request.raw))
    })
    // After the hooks that let a browser read the refusal, before the body is read
    app.addHook('preParsing', (request, reply, payload, done) => {
      const encoding = request.headers['content-encoding']
      if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
        // RFC 9110 15.5.16: the answer says what would be accepted
        reply.header('accept-encoding', 'identity')
        throw new UNSUPPORTED_MEDIA_TYPE('The body must be sent without Content-Encoding')
      }
      done(null, payload)
    })
  },
  { name: 'http-manners' },
)

/** Headers of a request. Node leaves out those beyond a thousand without a word, and Origin could be one of them. */
const MAX_HEADERS = 200

/** Characters of a Content-Type. Fastify keeps the last hundred of them, each with a map of its parameters: 40 MB. */
const MAX_CONTENT_TYPE = 256

function findProblem({ httpVersion, rawHeaders, headers }: IncomingMessage): Error | undefined {
  // Names and values in turn
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return new HEADERS_TOO_LARGE()
  }
  const { 'content-type': contentType = '' } = headers
  if (contentType.length > MAX_CONTENT_TYPE) {
    return new UNSUPPORTED_MEDIA_TYPE(`Content-Type must not have more than ${MAX_CONTENT_TYPE} characters`)
  }
  // RFC 9112 3.2; HTTP/1.0 has no need of one
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
    ? undefined
    : new INVALID_REQUEST('a request must have one Host header')
}
