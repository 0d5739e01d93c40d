import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EventLoopTurns } from '../requests/event-loop-turns.ts'

/** Bytes of an answer that are handed over at once. TLS holds two copies for each reader who has stopped to read. */
const PIECE_BYTES = 16_384

/**
 * Answers a GET or HEAD with bytes that all readers share, in pieces: of a page that nobody reads, on a thousand connections,
 * TLS holds no more than a piece for each.
 *
 * @param turns those in which pieces are handed over, one in each; absent for bytes of which there are few pieces
 */
export function sendPieces(
  { method }: FastifyRequest,
  reply: FastifyReply,
  bytes: Buffer,
  turns?: EventLoopTurns,
): FastifyReply {
  // Fastify reads a stream to its end for HEAD, behind the answer: any number of them would wait for their turns
  return reply
    .header('content-length', bytes.length)
    .send(method === 'HEAD' ? bytes : streamPieces(bytes, turns))
}

/**
 * Returns a stream of pieces. It waits for its reader: TLS would keep a copy of the whole for each of many slow ones. It needs
 * no end, as one of a file does: Node.js lets go of pipelined requests without a word.
 */
function streamPieces(bytes: Buffer, turns: EventLoopTurns | undefined): Readable {
  let start = 0
  const pushPiece = () => {
    const piece = bytes.subarray(start, start + PIECE_BYTES)
    start += piece.length
    stream.push(piece.length === 0 ? null : piece)
  }
  const stream = new Readable({
    highWaterMark: PIECE_BYTES,
    read: () => (turns === undefined ? pushPiece() : turns.wait(pushPiece, start)),
    destroy: (error, done) => {
      turns?.forget(pushPiece)
      done(error)
    },
  })
  return stream
}
