import type { Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

/** The header of the first record, whose length its last two octets are, and that of the handshake message in it (RFC 8446 4, 5.1). */
const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
const HANDSHAKE_RECORD = 22

/** Most octets of a ClientHello, of which clients send up to 4,000. OpenSSL takes 30 ms for one of 64,000 with thousands of key shares. */
const MAX_HELLO = 8_192

/** Connections whose handshakes have not begun, so that they are not known to be of TLS. */
const notBegun = new WeakSet<Socket>()

/** Returns whether the TLS handshake of a connection is still to begin. */
export function isBeforeHandshake(socket: Socket): boolean {
  return notBegun.has(socket)
}

/** Has a server begin TLS handshakes with a ClientHello of a usual length, where it would begin each as soon as a connection is there. */
export function guardHandshakes(server: TlsServer): void {
  const [begin] = server.listeners('connection') as [(socket: Socket) => void]
  server.off('connection', begin)
  server.on('connection', (socket: Socket) => {
    notBegun.add(socket)
    // Afterwards the socket that decrypts has its errors
    socket.on('error', (error) => notBegun.has(socket) && server.emit('tlsClientError', error, socket))
    socket.once('end', () => socket.destroy())
    readHello(socket, () => {
      notBegun.delete(socket)
      begin.call(server, socket)
    })
  })
}

/** Calls back once the beginning of a ClientHello has come, or of what is none; closes the connection if it is not to be read. */
function readHello(socket: Socket, goOn: () => void): void {
  socket.once('readable', () => {
    const head: Buffer | null = socket.read(RECORD_HEADER + MESSAGE_HEADER)
    if (head === null) {
      // Not all of it has come
      readHello(socket, goOn)
    } else if (isLong(head)) {
      socket.destroy(Object.assign(new Error('a long ClientHello'), { code: 'ERR_TLS_HELLO_TOO_LONG' }))
    } else {
      socket.unshift(head)
      goOn()
    }
  })
}

/** Returns whether octets begin a ClientHello that is too long, or is cut into records so short that this cannot be told. */
function isLong(head: Buffer): boolean {
  return (
    head[0] === HANDSHAKE_RECORD &&
    head.length === RECORD_HEADER + MESSAGE_HEADER &&
    (head.readUInt16BE(RECORD_HEADER - 2) < MESSAGE_HEADER ||
      head.readUIntBE(RECORD_HEADER + 1, 3) > MAX_HELLO)
  )
}
