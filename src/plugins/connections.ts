import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { BODY_PERIOD_MS } from '../common/arrival.ts'
import { registerGauge } from '../metrics/gauge.ts'
import { ReasonCounter } from '../metrics/reason-counter.ts'
import { RepeatedWarning } from '../pkcs11/repeated-warning.ts'
import { closeInStages } from './close-in-stages.ts'

export interface ConnectionsOptions {
  /** Connections that may be open at the same time. */
  readonly limit: number
  readonly registry: Registry
  readonly log: Logger
}

/** Bytes of a body that are discarded once it is refused, so that its connection serves the next request. */
const MAX_DISCARDED = 65_536

/** Requests on a connection that are not answered yet, and when the headers of each had come. */
type Unanswered = Map<IncomingMessage, number>

/**
 * Bounds the connections and ends those that nobody needs: when one too many comes, when the service closes, and when a
 * request is answered whose body is still on its way.
 */
export const connections = fp<ConnectionsOptions>(
  async (app, { limit, registry, log }) => {
    const open = new Map<Socket, Unanswered>()
    /** Open connections without a request in progress, the longest unused first. */
    const idle = new Set<Socket>()
    let closing = false
    const warning = new RepeatedWarning(log)
    const shed = new ReasonCounter({
      registry,
      name: 'signing_service_http_connections_shed_total',
      help: 'Connections that were closed since one too many came, by what they were.',
      label: 'reason',
      words: ['idle', 'slow', 'new'],
    })

    function forget(socket: Socket): void {
      open.delete(socket)
      idle.delete(socket)
    }

    /** Closes the connection that keeps waiting longest, or else the new one: health probes should get through. */
    function shedOne(added: Socket): void {
      warning.say('too many connections: others are closed; see SIGNING_SERVICE_MAX_CONNECTIONS', { limit })
      const [unused] = idle
      const slow = unused === undefined ? findSlow() : undefined
      shed.count(unused !== undefined ? 'idle' : slow !== undefined ? 'slow' : 'new')
      const one = unused ?? slow ?? added
      forget(one)
      one.destroy()
    }

    /** Finds a connection whose request has been arriving for so long that its caller has hardly waited for an answer. */
    function findSlow(): Socket | undefined {
      const longAgo = performance.now() - BODY_PERIOD_MS
      for (const [socket, unanswered] of open) {
        for (const [request, since] of unanswered) {
          if (!request.complete && since < longAgo) {
            return socket
          }
        }
      }
      return undefined
    }

    function endIdle(): void {
      for (const socket of idle) {
        // After what was written has been sent
        socket.destroySoon()
      }
    }

    app.server.on('connection', (socket: Socket) => {
      if (open.size >= limit) {
        shedOne(socket)
      }
      if (!socket.destroyed) {
        open.set(socket, new Map())
        idle.add(socket)
        socket.once('close', () => forget(socket))
      }
    })
    app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request
      const unanswered = open.get(socket)
      if (unanswered === undefined) {
        // It was closed while this request waited to be read
        return
      }
      unanswered.set(request, performance.now())
      idle.delete(socket)
      response.on('close', () => {
        unanswered.delete(request)
        if (unanswered.size === 0 && open.has(socket)) {
          idle.add(socket)
        }
        if (closing) {
          // Node itself ends those alone that have had a request
          endIdle()
        }
      })
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      if (isStillArriving(request, reply)) {
        reply.header('connection', 'close')
        closeInStages(request.raw.socket)
      }
      done(null, payload)
    })
    app.addHook('preClose', async () => {
      closing = true
      endIdle()
    })

    registerGauge(registry, {
      name: 'signing_service_http_connections',
      help: 'Connections that are open.',
      collect() {
        this.set(open.size)
      },
    })
    registerGauge(registry, {
      name: 'signing_service_http_connections_limit',
      help: 'Connections that may be open before others are closed.',
      collect() {
        this.set(limit)
      },
    })
  },
  { name: 'connections' },
)

/** Tells whether an answer is given before the body has come, and the connection has to be closed for that. */
function isStillArriving({ raw }: FastifyRequest, reply: FastifyReply): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers
  if (raw.complete || (length === undefined && encoding === undefined)) {
    return false
  }
  return encoding !== undefined || Number(length) > MAX_DISCARDED || reply.getHeader('connection') === 'close'
}
