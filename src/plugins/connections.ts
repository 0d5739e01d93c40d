import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { TLSSocket, Server as TlsServer } from 'node:tls'
import fp from 'fastify-plugin'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { BODY_PERIOD_MS, HEADERS_TIMEOUT_MS } from '../common/arrival.ts'
import { freeBuffer } from '../common/free-buffer.ts'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import { registerCounter, registerGauge } from '../metrics/registration.ts'
import { discardBody, hasLongRest } from '../requests/body/discard-body.ts'
import { destroyLater, discardRest } from './discard-rest.ts'
import { guardHandshakes, isBeforeHandshake } from './handshakes.ts'
import { MAX_HEADERS } from './http-defaults.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Returns whether the service was told to end. */
    isClosing(): boolean
    /** Makes the service not ready, and has callers reconnect, some time before it closes. Closing does so too. */
    announceClosing(): void
    /** Closes all connections that are open now: idle ones at once, and others after their answer. */
    renewConnections(): void
  }
}

export interface ConnectionsOptions {
  /** Most connections that may be open at the same time. */
  readonly limit: number
  /**
   * Time until connections are closed whatever is under way on them, in ms, once the service closes. Without it one client who does not
   * read his answer would keep the service open until it is killed, with the end of its audit log missing.
   */
  readonly closeMs: number
  readonly registry: Registry
  readonly log: Logger
}

/**
 * Most pipelined requests, on all connections together, that may wait behind others. Node reads thousands of short ones
 * at once: without a limit a few kilobytes would cost seconds, and their answers hundreds of megabytes.
 */
const MAX_PIPELINED = 256

/**
 * Most of them on one connection. They make room for others as soon as it is closed, so that a client who opens one after
 * the other would otherwise have as many as that begun in each turn of the event loop.
 */
const MAX_PIPELINED_OF_ONE = 8

/**
 * A request that has been arriving for longer is slow, unless it brought 64 kB in each second. If it could take more time, connections
 * on which a few bytes come now and then would keep everybody out. The first request of a connection may take as long to come.
 */
const SLOW_MS = 1_000
const SLOW_BYTES_PER_MS = 64

/** Part of all connections that may be idle before one of them is closed in place of a slow one. */
const IDLE_PART = 1 / 8

/**
 * Most TLS handshakes at the same time. One that stalls takes up to 130 kB, since OpenSSL and Node.js keep their buffers until
 * it ends: all of them take 50 MB, and as much of others that have ended waits to be collected.
 */
const MAX_HANDSHAKES = 384

/** Listeners that an answer may have for an event: plugins have some each, and streams. Of more Node.js warns, as of a leak. */
const MAX_LISTENERS = 32

/** Time that a client has to read its answer, in ms. Document Engine by default waits no longer for one. */
const LINGER_MS = 5_000

/** The moment at which the headers of a request had arrived. */
interface Begun {
  readonly since: number
  /** Bytes that had come on its connection by then. */
  readonly bytesRead: number
}

/** Answers of a connection that are not sent yet. */
type Unanswered = Map<ServerResponse, Begun>

const unansweredBySocket = new WeakMap<Socket, Unanswered>()

/** Returns whether the TLS handshake of a connection is still to begin, or under way, so that there are no requests yet. */
export function isInHandshake(socket: Socket): boolean {
  return isBeforeHandshake(socket) || (socket instanceof TLSSocket && !unansweredBySocket.has(socket))
}

/** Returns the last answer of a connection that is on its way to a complete request. Answers are sent in order. */
export function findUnanswered(socket: Socket): ServerResponse | undefined {
  const unanswered = unansweredBySocket.get(socket) as Unanswered
  return [...unanswered.keys()].findLast(({ req, writableFinished }) => req.complete && !writableFinished)
}

/** Returns the answer that is being sent on a connection. */
export function findCurrent(socket: Socket): ServerResponse | undefined {
  return [...(unansweredBySocket.get(socket) as Unanswered).keys()].find((one) => one.socket === socket)
}

/**
 * Limits the connections, and ends those that nobody needs: when one too many comes, when the service closes, and when
 * a request is answered whose body is still on its way. Once the end of the service is announced, callers are served as
 * before, but asked to open another connection for their next request, which a load balancer then leads elsewhere.
 */
export const connections = fp<ConnectionsOptions>(
  async (app, { limit, closeMs, registry, log }) => {
    /** Keyed by the socket that carries HTTP or, during a TLS handshake, by the one below it. */
    const open = new Map<Socket, Unanswered>()
    /**
     * Open connections without a request in progress, the longest unused first, each with the time until which its first request may
     * be on its way.
     */
    const idle = new Map<Socket, number>()
    /** Timers of the TLS handshakes that are under way, the oldest first. */
    const handshakes = new Map<Socket, NodeJS.Timeout>()
    /** Connections that are closed after their answer. */
    const former = new WeakSet<Socket>()
    /** Number of requests that wait behind others. */
    let behind = 0
    let isAnnounced = false
    let isClosing = false
    const warning = new RepeatedWarning(log)
    const shed = registerCounter(
      registry,
      'signing_service_http_connections_shed_total',
      'Connections that were closed since one too many came, or too much on them, by what they were.',
      { reason: ['idle', 'slow', 'new', 'pipelined', 'noise'] },
    )

    function forget(socket: Socket): void {
      open.delete(socket)
      idle.delete(socket)
      clearTimeout(handshakes.get(socket))
      handshakes.delete(socket)
    }

    /** Closes an idle or slow connection, or else the new one, so that health probes get through. */
    function shedOne(added: Socket): void {
      warning.warn('too many connections: others are closed; see SIGNING_SERVICE_MAX_CONNECTIONS', { limit })
      const [one, reason] = chooseOne(added)
      shed.inc({ reason })
      forget(one)
      one.destroy()
    }

    function chooseOne(added: Socket): readonly [Socket, reason: 'idle' | 'slow' | 'new'] {
      const now = performance.now()
      const unused = [...idle].find(([, until]) => until <= now)?.[0]
      const slow = unused === undefined || idle.size <= IDLE_PART * limit ? findSlow() : undefined
      const [opened] = idle.keys()
      const one = slow ?? unused ?? opened
      return one === undefined ? [added, 'new'] : [one, one === slow ? 'slow' : 'idle']
    }

    /**
     * Limits the time of a TLS handshake, and closes the connection with the oldest one if there are too many. Node.js limits
     * only the silence within it, which a byte now and then ends.
     */
    function limitHandshake(socket: Socket): void {
      const [oldest] = handshakes.keys()
      if (oldest !== undefined && handshakes.size === MAX_HANDSHAKES) {
        warning.warn('too many TLS handshakes at once: the oldest are ended')
        shed.inc({ reason: 'idle' })
        forget(oldest)
        oldest.destroy()
      }
      if (!socket.destroyed) {
        handshakes.set(socket, setTimeout(endHandshake, HEADERS_TIMEOUT_MS, socket).unref())
      }
    }

    /** Returns the connection whose client has been sending a request slowly, or reading an answer, since the longest ago. */
    function findSlow(): Socket | undefined {
      const now = performance.now()
      let slowest: Socket | undefined
      let earliest = now
      for (const [socket, unanswered] of open) {
        for (const [response, { since, bytesRead }] of unanswered) {
          const isSlow = response.req.complete
            ? isSent(response) && now - since > limitReading(response)
            : now - since > SLOW_MS && socket.bytesRead - bytesRead < SLOW_BYTES_PER_MS * (now - since)
          if (isSlow && since < earliest) {
            slowest = socket
            earliest = since
          }
        }
      }
      return slowest
    }

    function endIdle(): void {
      for (const socket of idle.keys()) {
        // Bytes that were written are sent first
        socket.destroySoon()
      }
      idle.clear()
    }

    function keep(socket: Socket, unanswered: Unanswered): void {
      open.set(socket, unanswered)
      idle.set(socket, performance.now() + SLOW_MS)
      socket.once('close', () => {
        forget(socket)
        endQueued([...unanswered.keys()])
      })
    }

    app.server.on('connection', (socket: Socket) => {
      const unanswered = track(socket)
      if (open.size >= limit) {
        shedOne(socket)
      }
      if (!socket.destroyed) {
        keep(socket, unanswered)
      }
    })
    if (app.server instanceof TlsServer) {
      app.server.on('connection', limitHandshake)
      guardHandshakes(app.server)
      app.server.on('secureConnection', (socket) => {
        const { _parent: encrypted } = socket as DecryptingSocket
        // Node.js knows the connection by this socket from here on
        forget(encrypted)
        // While an answer waits for its reader, Node.js pauses the HTTP parser, and would lose what TLS hands to that meanwhile: a
        // document without it might be signed. With a listener the socket keeps it. The parser has read each chunk before.
        socket.on('data', freeBuffer)
        arrived.set(socket, { encrypted: encrypted.bytesRead, decrypted: 0, owing: 0 })
        keep(socket, track(socket))
      })
      const timer = setInterval(() => {
        for (const socket of findNoisy(open.keys())) {
          warning.warn(
            'TLS connections bring next to nothing but TLS: those that bring most of it are closed',
          )
          shed.inc({ reason: 'noise' })
          forget(socket)
          socket.destroy()
        }
      }, NOISE_PERIOD_MS).unref()
      app.addHook('onClose', async () => clearInterval(timer))
    }

    function admit(socket: Socket, response: ServerResponse, unanswered: Unanswered): void {
      if (unanswered.size > 0 && (behind === MAX_PIPELINED || unanswered.size > MAX_PIPELINED_OF_ONE)) {
        warning.warn('too many requests wait behind others on their connections: some of these are closed')
        shed.inc({ reason: 'pipelined' })
        forget(socket)
        ignoreRest(socket)
        socket.destroy()
        return
      }
      behind += unanswered.size > 0 ? 1 : 0
      unanswered.set(response, { since: performance.now(), bytesRead: socket.bytesRead })
      response.setMaxListeners(MAX_LISTENERS)
      idle.delete(socket)
      if (mayUpgrade(response.req)) {
        ignoreRest(socket)
      }
      response.on('close', () => {
        behind -= unanswered.size > 1 ? 1 : 0
        unanswered.delete(response)
        if (unanswered.size === 0 && open.has(socket)) {
          idle.set(socket, 0)
        }
        if (isClosing) {
          // Node itself ends only connections that have had a request
          endIdle()
        }
      })
    }

    // This listener comes before all others that handle requests
    app.server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      const unanswered = open.get(socket)
      if (unanswered !== undefined) {
        admit(socket, response, unanswered)
      }
    })
    app.addHook('onRequest', (request, _reply, done) => {
      // Nobody waits for the answer if the connection was closed before the request was read
      if (!request.raw.socket.destroyed) {
        done()
      }
    })
    app.decorate('isClosing', () => isAnnounced)
    app.decorate('announceClosing', () => {
      isAnnounced = true
    })
    app.decorate('renewConnections', () => {
      for (const socket of open.keys()) {
        former.add(socket)
      }
      endIdle()
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      if (isAnnounced || former.has(request.raw.socket) || mayUpgrade(request.raw)) {
        // The socket would stay idle and keep the server from closing
        reply.header('connection', 'close')
      }
      reply.headers(stopArriving(request.raw, reply.getHeader('connection') === 'close'))
      done(null, payload)
    })
    app.addHook('preClose', async () => {
      isAnnounced = true
      isClosing = true
      endIdle()
      setTimeout(() => {
        for (const socket of open.keys()) {
          socket.destroy()
        }
      }, closeMs).unref()
    })

    registerGauge(registry, 'signing_service_http_connections', 'Connections that are open.', [], () => [
      [{}, open.size],
    ])
    registerGauge(
      registry,
      'signing_service_http_connections_limit',
      'Connections that may be open before others are closed.',
      [],
      () => [[{}, limit]],
    )
  },
  { name: 'connections' },
)

/** Returns whether an answer is on its way. One that waits behind another has no socket. */
function isSent({ headersSent, socket }: ServerResponse): boolean {
  return headersSent && socket !== null
}

/**
 * Time after which the reader of an answer counts as slow, in ms. A page does not fit into the buffers of a distant connection, so
 * that each short request for one would otherwise hold its connection for as long as a signature may be read.
 */
function limitReading({ req }: ServerResponse): number {
  return req.method === 'POST' ? BODY_PERIOD_MS : SLOW_MS
}

/** Begins to remember the answers of a connection. */
function track(socket: Socket): Unanswered {
  const unanswered: Unanswered = new Map()
  unansweredBySocket.set(socket, unanswered)
  return unanswered
}

/** A socket that decrypts what another one receives. */
type DecryptingSocket = TLSSocket & { readonly _parent: Socket }

/** Time between looks at what TLS itself takes of connections, in ms. */
const NOISE_PERIOD_MS = 1_000
/** Bytes that it may take of all connections together in that time, beside a quarter of what each carries. Records of 1 kB take 3 %. */
const MAX_NOISE = 262_144

/** Bytes of a whole record (RFC 8446 5.2). OpenSSL hands out nothing of one that is still on its way, which takes seconds on a slow line. */
const RECORD_BYTES = 5 + 16_384 + 256

interface Arrived {
  readonly encrypted: number
  readonly decrypted: number
  /** Bytes for which nothing was handed out so far, beyond a quarter of what was. */
  readonly owing: number
}

/** Bytes that had arrived on connections at the last look, or by their handshake, and what was in them. */
const arrived = new WeakMap<Socket, Arrived>()

/**
 * Returns the connections that are to be closed because clients have sent TLS for its own sake since the last look, those that
 * brought most of it. OpenSSL handles any number of KeyUpdates (RFC 8446 4.6.3), and one takes as long as a kilobyte: few
 * connections would keep all others waiting.
 */
function findNoisy(sockets: Iterable<Socket>): Socket[] {
  const noises = [...sockets]
    .filter((socket) => socket instanceof TLSSocket)
    .map((socket) => ({ socket, noise: measureNoise(socket as DecryptingSocket) }))
    .toSorted((one, other) => one.noise - other.noise)
  let sum = 0
  return noises
    .filter(({ noise }) => {
      sum += noise
      return sum > MAX_NOISE
    })
    .map(({ socket }) => socket)
}

/**
 * Returns how many bytes TLS itself has taken of a connection since the last look, beyond a quarter of what it carried and what may
 * be a record that is still on its way.
 */
function measureNoise(socket: DecryptingSocket): number {
  const before = arrived.get(socket) as Arrived
  const [encrypted, decrypted] = [socket._parent.bytesRead, socket.bytesRead]
  const carried = decrypted - before.decrypted
  const owing = Math.max(0, before.owing + encrypted - before.encrypted - carried - carried / 4)
  arrived.set(socket, { encrypted, decrypted, owing })
  return Math.max(0, owing - Math.max(RECORD_BYTES, before.owing))
}

/** Ends a TLS handshake that has taken too long, with an error for the log. */
function endHandshake(socket: Socket): void {
  socket.destroy(Object.assign(new Error('TLS handshake timeout'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }))
}

/**
 * Ends the answers that waited behind another one when their connection closes. Node before 24 emits `close` only for
 * the first, so that a client who leaves after a signature was made would go unnoticed.
 */
function endQueued(responses: readonly ServerResponse[]): void {
  for (const response of responses.filter(({ socket, destroyed }) => socket === null && !destroyed)) {
    response.destroy()
    // Node.js 24 has emitted it by then
    process.nextTick(() => response.closed || response.emit('close'))
  }
}

/**
 * Returns whether a request asks for another protocol, or may do so in headers that Node drops, as Node.js 20 does beyond a thousand.
 * Node also drops what it has read behind such a request: what comes next could be a body, and would be taken for requests.
 */
function mayUpgrade({ headers, rawHeaders }: IncomingMessage): boolean {
  return headers.upgrade !== undefined || rawHeaders.length > 2 * MAX_HEADERS
}

/**
 * Discards the requests in the bytes that Node has already read. Node would parse all of them although the connection
 * is closed, and keep thousands of requests until the end of the turn.
 */
function ignoreRest(socket: Socket & { parser?: { onIncoming?: () => number } }): void {
  if (socket.parser?.onIncoming !== undefined) {
    socket.parser.onIncoming = () => 0
  }
}

/**
 * Closes the connection, in stages, of a request that is answered while its body is still on its way. Node would read
 * all of the body, and a megabyte in chunks of one byte takes a tenth of a second.
 *
 * @param closes true if the connection is closed after the answer anyway
 * @returns headers for the answer
 */
export function stopArriving(request: IncomingMessage, closes = false): { readonly connection?: 'close' } {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  const isArriving = !request.complete && (length !== undefined || encoding !== undefined)
  if (!isArriving || !(closes || hasLongRest(request))) {
    return {}
  }
  discardBody(request)
  closeInStages(request.socket)
  return { connection: 'close' }
}

/**
 * Makes Node close a connection in stages (RFC 9112 9.6), since its client may still be sending. If it were closed at
 * once, the client would get a reset, and might never read the answer.
 */
function closeInStages(socket: Socket): void {
  const ignore = () => {}
  socket.destroySoon = () => {
    socket.destroySoon = ignore
    // The HTTP parser gets no more bytes, since those that still come are no request
    discardRest(socket)
    socket.end()
    socket.once('end', () => socket.destroy())
    destroyLater(socket, LINGER_MS)
  }
}
