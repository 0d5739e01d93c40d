import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  AUDIT_UNAVAILABLE,
  HSM_BUSY,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  METHOD_NOT_ALLOWED,
  NOT_FOUND,
  SERVICE_BUSY,
  UNSUPPORTED_MEDIA_TYPE,
} from '../errors.ts'
import type { LineLimit } from './request-log.ts'

/** An error of `errors.ts`. */
export type ServiceError = FastifyError & { readonly statusCode: number }

/** Codes of refusals after which another attempt may succeed. */
const BUSY: readonly string[] = [AUDIT_UNAVAILABLE, HSM_BUSY, SERVICE_BUSY].map((error) => new error().code)

/** Value of Retry-After, in seconds. */
const RETRY_AFTER_S = 1

/** Sends every error in one shape, with a code of `errors.ts`, and 404 and 405 too. */
export const errorReply = fp<{ readonly lines: Pick<LineLimit, 'admits'> }>(
  async (app, { lines }) => {
    /** Methods of the registered routes, keyed by path. Callers cannot add to it. */
    const methodsByPath = new Map<string, Set<string>>()
    app.addHook('onRoute', ({ url, method }) => {
      const methods = methodsByPath.get(url) ?? new Set()
      for (const one of [method].flat()) {
        methods.add(one)
      }
      methodsByPath.set(url, methods)
    })

    app.setErrorHandler((error: FastifyError, request, reply) => {
      if ((request.is404 || request.method === 'OPTIONS') && !isServiceError(error)) {
        // An unknown address is answered 404, whatever the framework finds wrong with the headers, and OPTIONS takes no body
        return answerNotFound(request, reply)
      }
      return sendError(translate(error, request, lines), request, reply)
    })

    app.setNotFoundHandler(answerNotFound)

    function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
      const path = readPath(request.url)
      const allowed = allowedMethods(methodsByPath.get(path) ?? methodsByPath.get(replaceSignerName(path)))
      if (allowed.length === 0) {
        return sendError(new NOT_FOUND(), request, reply)
      }
      reply.header('allow', allowed.join(', '))
      if (request.method === 'OPTIONS') {
        return reply.status(204).send()
      }
      return sendError(new METHOD_NOT_ALLOWED(allowed.join(', ')), request, reply)
    }
  },
  { name: 'error-reply', dependencies: ['request-log'] },
)

/** Sends an error of `errors.ts`. */
export function sendError(error: ServiceError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.send(prepareError(error, request, reply))
}

/** Makes an answer that of an error of `errors.ts`, and returns its body. */
export function prepareError(error: ServiceError, request: FastifyRequest, reply: FastifyReply) {
  const { statusCode } = error
  if (BUSY.includes(error.code)) {
    reply.header('retry-after', RETRY_AFTER_S)
  }
  if (statusCode === 401) {
    // RFC 9110 15.5.2
    reply.header('www-authenticate', 'Bearer')
  }
  Object.assign(request.logDetails, { refusal: error.message, code: error.code })
  reply.status(statusCode).type('application/json; charset=utf-8')
  return createErrorReply(error, request.id)
}

/** Creates the body of an answer with an error of `errors.ts`. Programs branch on its code, which is stable. */
export function createErrorReply(
  { statusCode, code, message }: Pick<ServiceError, 'statusCode' | 'code' | 'message'>,
  requestId: string,
) {
  return { statusCode, code, error: STATUS_CODES[statusCode], message, requestId }
}

/** Translates the framework's errors into ours. Its messages are not passed on, since some quote the body. */
function translate(
  error: FastifyError,
  request: FastifyRequest,
  lines: Pick<LineLimit, 'admits'>,
): ServiceError {
  if (error.validation !== undefined) {
    return new INVALID_REQUEST(error.message)
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new UNSUPPORTED_MEDIA_TYPE('The body must be sent as Content-Type: application/json')
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new INVALID_REQUEST('body: is empty; a JSON object is required')
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new INVALID_REQUEST('body: is not valid JSON')
  }
  if (error.code?.startsWith('FST_') && error.statusCode !== undefined && error.statusCode < 500) {
    return new INVALID_REQUEST('the request cannot be read; see its headers')
  }
  if (!isServiceError(error)) {
    // Each line has a stack, and whoever finds a way to such an error can go it again and again
    if (lines.admits('unexpected')) {
      request.log.error({ err: error }, 'an unexpected error')
    }
    return new INTERNAL_ERROR()
  }
  return error
}

/** Returns whether an error is one of `errors.ts`; those of the framework and of Node have other codes. */
function isServiceError(error: FastifyError): error is ServiceError {
  return error.name === 'FastifyError' && !/^(FST_|ERR_)/.test(error.code)
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function allowedMethods(registered: ReadonlySet<string> = new Set()): string[] {
  const methods = METHODS.filter((method) => registered.has(method))
  return methods.length === 0 ? [] : [...methods, 'OPTIONS']
}

/**
 * Replaces the last part of a path by `:signer`. The search begins only behind slashes: if it began at each character,
 * a path of 16 kB with a slash at its end would take a fifth of a second.
 */
function replaceSignerName(path: string): string {
  return path.replace(/(?<=\/)[^/]+$/, ':signer')
}

/** Returns the path of an address as the router reads it: absolute form or not, decoded, without a slash at its end. */
function readPath(url: string): string {
  if (url === '*') {
    // The asterisk means the whole service (RFC 9110 9.3.7), which the router takes for its root
    return '/'
  }
  const path = url
    // The scheme has no case, and what comes behind the host may be a query (RFC 3986 3.1, 3.2)
    .replace(/^https?:\/\/[^/?]*/i, '')
    .replace(/[?#].*$/s, '')
    .replace(/(?<=.)\/$/, '')
  // This cannot throw, since the router has decoded the very same path before
  return decodeURI(path || '/')
}
