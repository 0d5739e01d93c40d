import fastifyCors from '@fastify/cors'
import fp from 'fastify-plugin'
import { isOrigin } from '../configuration/lists.ts'
import { ORIGIN_NOT_ALLOWED } from '../errors.ts'

/** Most characters of an origin in the log; a name in DNS has at most 253. */
const MAX_LOGGED = 300

/**
 * Lets browser pages of the configured origins call, and refuses requests of all others before their body is read.
 *
 * Browsers name the origin of a page in each request that is not a plain GET (RFC 6454 7). They do so too for a page
 * whose host name was made to resolve to this service (DNS rebinding).
 */
export const cors = fp<{ readonly origins: readonly string[] }>(
  async (app, { origins }) => {
    app.addHook('onRequest', (request, _reply, done) => {
      const { origin } = request.headers
      if (origin === undefined || origins.includes(origin)) {
        done()
        return
      }
      if (origin === 'null' || (origin.length <= MAX_LOGGED && isOrigin(origin))) {
        request.logDetails.origin = origin
      }
      done(new ORIGIN_NOT_ALLOWED())
    })
    if (origins.length > 0) {
      await app.register(fastifyCors, {
        // An OPTIONS request without an origin is no preflight request, and is answered as any other request
        origin: async (origin: string | undefined) => origin !== undefined,
        methods: ['GET', 'HEAD', 'POST'],
        maxAge: 600,
        strictPreflight: false,
      })
    }
  },
  { name: 'cors', dependencies: ['request-log', 'error-reply'] },
)
