import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Bytes of an answer that are handed over at once. TLS holds two copies for each reader who has stopped to read. */
export const PIECE_BYTES = 16_384

/**
 * Answers a GET or HEAD with bytes that all readers share, in pieces: of a page that nobody reads, on a thousand connections,
 * TLS holds no more than a piece for each.
 */
export function sendPieces({ method }: FastifyRequest, reply: FastifyReply, bytes: Buffer): FastifyReply {
  // Fastify reads a stream to its end for HEAD, behind the answer
  return reply
    .header('content-length', bytes.length)
    .send(method === 'HEAD' ? bytes : Readable.from(cutPieces(bytes)))
}

function* cutPieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    yield bytes.subarray(start, start + PIECE_BYTES)
  }
}
