/**
 * Signatures that anybody can make for a key with the exponent 3, and that hold where a verifier looks at less than the
 * whole encoded message: their cubes are garbage but for a beginning, an end or both.
 */
import { createHash } from 'node:crypto'
import { encode, type Flaw } from './der-flaws.ts'
import { makeDigestInfo } from './digest-infos.ts'
import { cubeRoot, cubeRootOfEnd, toBytes, toNumber } from './numbers.ts'

/** @param message of a digest that is an odd number, as cubes end with all of these */
export function forgeries(size: number, hash: string, message: Uint8Array): Flaw[] {
  const digestInfo = makeDigestInfo(hash, message)
  const digest = encode(4, createHash(hash).update(message).digest())
  const algorithm = digestInfo.subarray(2, -digest.length)
  const oid = algorithm.subarray(2, -2)
  const start = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(8, 255)])
  // With the two bytes of its length that the header of a long element has
  const long = (tag: number, length: number) => Buffer.of(tag, 0x82, length >> 8, length & 0xff)
  /** Garbage in the place of the algorithm's parameters. */
  const parameters = (tag: number) => {
    const all = size - start.length - 5
    const inner = all - digest.length - 4
    const garbage = inner - oid.length - 4
    const headers = [Buffer.of(0), long(0x30, all), long(0x30, inner), oid, long(tag, garbage)]
    return forge(size, Buffer.concat([start, ...headers]), digest)
  }
  /** Garbage in an element that follows the digest. */
  const third = () => {
    const all = size - start.length - 5
    const garbage = all - algorithm.length - digest.length - 4
    const fields = [Buffer.of(0), long(0x30, all), algorithm, digest, long(4, garbage)]
    return forge(size, Buffer.concat([start, ...fields]), Buffer.alloc(0))
  }
  const separated = Buffer.concat([Buffer.of(0), digestInfo])
  return Object.entries({
    'behind the DigestInfo': forge(size, Buffer.concat([start, separated]), Buffer.alloc(0)),
    'behind the digest, in the DigestInfo': third(),
    'in the filling': forge(size, Buffer.of(0, 1), separated),
    'in the filling, after eight bytes': forge(size, start, separated),
    'in an OCTET STRING for NULL': parameters(4),
    'in NULL': parameters(5),
    'in place of all the padding': forge(size, Buffer.of(0), separated),
  }).map(([name, bytes]) => ({ name: `low exponent, garbage ${name}`, bytes }))
}

/** The signature whose cube has so many bytes, and so begins and ends. */
function forge(size: number, beginning: Buffer, end: Buffer): Buffer {
  const endBits = BigInt(8 * end.length)
  const lowest = cubeRoot(toNumber(beginning) << BigInt(8 * (size - beginning.length)))
  const root = (((lowest >> endBits) + 1n) << endBits) + cubeRootOfEnd(toNumber(end), 8 * end.length)
  const cube = toBytes(root ** 3n, size)
  if (
    !cube.subarray(0, beginning.length).equals(beginning) ||
    !cube.subarray(-end.length || size).equals(end)
  ) {
    throw new Error('the modulus is too short for this forgery')
  }
  return toBytes(root, size)
}
