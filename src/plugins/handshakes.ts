import type { Socket } from 'node:net'
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Server as TlsServer } from 'node:tls'
import { keepLatest } from '../common/keep-latest.ts'

/** Addresses that are remembered: more than any service has clients with certificates. */
const MAX_KNOWN = 1_024

/** Time for a handshake while others wait, in ms. */
const TURN_MS = 1_000

/** The time after a handshake that failed in which none is begun, as a multiple of the time in which the event loop was busy with it. */
const PAUSES = 2

/**
 * Begins TLS handshakes in which clients show certificates. OpenSSL verifies each signature of a chain before it asks whether anybody
 * trusts that: one of strange keys takes half a second. So addresses from which no handshake has succeeded yet take turns, one at a time;
 * in between the service does what else there is.
 */
class HandshakeTurns {
  readonly #begin: (socket: Socket) => void
  /** Connections with a handshake that has not ended, by their addresses. */
  readonly #open = new Map<Socket, string>()
  /** Addresses of which a handshake has succeeded, and none has failed since. */
  readonly #known = new Map<string, true>()
  /** Connections that wait, by their address; the one whose turn is next comes first. */
  readonly #waiting = new Map<string, Set<Socket>>()
  #current:
    | { readonly socket: Socket; readonly since: EventLoopUtilization; readonly timer: NodeJS.Timeout }
    | undefined
  #isPaused = false

  constructor(begin: (socket: Socket) => void) {
    this.#begin = begin
  }

  /** Begins the handshake of a new connection, now or at its turn. */
  add(socket: Socket): void {
    const { remoteAddress: address = '' } = socket
    this.#open.set(socket, address)
    socket.once('close', () => this.#closed(socket))
    if (this.#known.has(address)) {
      this.#begin(socket)
      return
    }
    const others = this.#waiting.get(address) ?? new Set()
    this.#waiting.set(address, others.add(socket))
    this.#next()
  }

  /** @param socket below the one that decrypts */
  succeeded(socket: Socket): void {
    keepLatest(this.#known, this.#open.get(socket) as string, true, MAX_KNOWN)
    this.#open.delete(socket)
    this.#end(socket, 0)
  }

  #closed(socket: Socket): void {
    const address = this.#open.get(socket)
    if (address === undefined) {
      return
    }
    this.#open.delete(socket)
    const others = this.#waiting.get(address)
    others?.delete(socket)
    if (others?.size === 0) {
      this.#waiting.delete(address)
    }
    this.#known.delete(address)
    this.#end(socket, PAUSES)
  }

  #end(socket: Socket, pauses: number): void {
    if (this.#current?.socket !== socket) {
      return
    }
    const { since, timer } = this.#current
    clearInterval(timer)
    this.#current = undefined
    this.#isPaused = true
    const goOn = () => {
      this.#isPaused = false
      this.#next()
    }
    setTimeout(goOn, pauses * performance.eventLoopUtilization(since).active).unref()
  }

  #next(): void {
    const [first] = this.#waiting
    if (first === undefined || this.#current !== undefined || this.#isPaused) {
      return
    }
    const [address, sockets] = first
    const [socket] = sockets as Set<Socket> & [Socket]
    sockets.delete(socket)
    // Its next one has its turn after those of all other addresses
    this.#waiting.delete(address)
    if (sockets.size > 0) {
      this.#waiting.set(address, sockets)
    }
    const timer = setInterval(() => {
      if (this.#waiting.size > 0) {
        endHandshake(socket)
      }
    }, TURN_MS).unref()
    this.#current = { socket, since: performance.eventLoopUtilization(), timer }
    this.#begin(socket)
  }
}

/** Handshake type and length of a ClientHello stand in the first octets of the first record (RFC 8446 4, 5.1). */
const HELLO_HEADER = 9
const HANDSHAKE_RECORD = 22

/** Most octets of a ClientHello, of which clients send up to 4,000. OpenSSL takes 30 ms for one of 64,000 with thousands of key shares. */
const MAX_HELLO = 8_192

/** Connections whose handshakes have not begun, so that they are not known to be of TLS. */
const notBegun = new WeakSet<Socket>()

/** Returns whether the TLS handshake of a connection is still to begin. */
export function isBeforeHandshake(socket: Socket): boolean {
  return notBegun.has(socket)
}

/** Ends a TLS handshake that has taken too long, with an error for the log. */
export function endHandshake(socket: Socket): void {
  socket.destroy(Object.assign(new Error('TLS handshake timeout'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }))
}

/** Calls back once the beginning of a ClientHello has come, or of what is none; closes the connection if it is too long. */
function readHello(socket: Socket, goOn: (socket: Socket) => void): void {
  socket.once('end', () => socket.destroy())
  const read = () => {
    const head: Buffer | null = socket.read(HELLO_HEADER)
    if (head === null) {
      // Not all of it has come
      socket.once('readable', read)
    } else if (
      head[0] === HANDSHAKE_RECORD &&
      head.length === HELLO_HEADER &&
      head.readUIntBE(6, 3) > MAX_HELLO
    ) {
      socket.destroy(Object.assign(new Error('a long ClientHello'), { code: 'ERR_TLS_HELLO_TOO_LONG' }))
    } else {
      socket.unshift(head)
      goOn(socket)
    }
  }
  socket.once('readable', read)
}

/**
 * Has a server begin handshakes only with a ClientHello of a usual length, and at their turn, where it would begin each as soon as it has
 * accepted the connection.
 *
 * @param asksForCertificates true if clients show certificates
 * @returns is to be called with the connection below each that decrypts
 */
export function guardHandshakes(server: TlsServer, asksForCertificates: boolean): (socket: Socket) => void {
  const [listener] = server.listeners('connection') as [(socket: Socket) => void]
  server.off('connection', listener)
  const begin = (socket: Socket) => {
    notBegun.delete(socket)
    listener.call(server, socket)
  }
  const turns = asksForCertificates ? new HandshakeTurns(begin) : undefined
  server.on('connection', (socket: Socket) => {
    notBegun.add(socket)
    // Afterwards the socket that decrypts has its errors
    socket.on('error', (error) => notBegun.has(socket) && server.emit('tlsClientError', error, socket))
    readHello(socket, (one) => (turns ? turns.add(one) : begin(one)))
  })
  return (socket) => turns?.succeeded(socket)
}
