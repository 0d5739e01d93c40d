import fp from 'fastify-plugin'
import { waitForTurn } from '../requests/intake.ts'

/**
 * Has each answer wait for its turn whose request has not: refusals, and what is no request to sign. Node.js accepts one connection
 * in a turn of the event loop: if all that a thousand clients ask were answered in one, a new client would wait for as many.
 */
export const turns = fp(
  async (app) => {
    app.decorateRequest('hadTurn', false)
    app.addHook('onSend', (request, reply, payload, done) => {
      if (request.hadTurn) {
        done(null, payload)
      } else {
        waitForTurn(request, reply, () => done(null, payload))
      }
    })
  },
  { name: 'turns' },
)
