import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** RFC 1035 4.1.1: the length of a message's header. */
const HEADER_BYTES = 12
/** RFC 1035 3.2.2. */
const TYPE_A = 1

/**
 * A DNS server (RFC 1035) for which every name has the same IPv4 addresses; it ends with the test.
 *
 * @returns its own address and port
 */
export async function startNameServer(
  t: { teardown(act: () => unknown): void },
  addresses: readonly string[],
): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address, port }) => socket.send(answer(query, addresses), port, address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

function answer(query: Buffer, addresses: readonly string[]): Buffer {
  // The name ends with an empty label; type and class follow
  const end = query.indexOf(0, HEADER_BYTES) + 5
  const found = query.readUInt16BE(end - 4) === TYPE_A ? addresses : []
  const header = Buffer.from(query.subarray(0, HEADER_BYTES))
  // A response that the server itself is the authority for, without an error
  header.writeUInt16BE(0x8580, 2)
  header.writeUInt16BE(found.length, 6)
  header.fill(0, 8)
  return Buffer.concat([header, query.subarray(HEADER_BYTES, end), ...found.map(addressRecord)])
}

/** For the name of the question; it may be kept for a second. */
function addressRecord(address: string): Buffer {
  return Buffer.from([
    0xc0,
    HEADER_BYTES,
    0,
    TYPE_A,
    0,
    1,
    0,
    0,
    0,
    1,
    0,
    4,
    ...address.split('.').map(Number),
  ])
}
