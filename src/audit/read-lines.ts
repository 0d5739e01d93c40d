/** Reads the lines of a file piece by piece, so that files of any size take the same memory. */
import { createReadStream } from 'node:fs'

/** Bytes of a line, its end included. A record has about 1 kB, a checkpoint with a timestamp about 20 kB. */
export const MAX_LINE_BYTES = 1_048_576
const PIECE_BYTES = 1_048_576
export const LINE_FEED = 0x0a

export interface Line {
  /** Place in the file, from 1 on. */
  readonly number: number
  /** Without its end. */
  readonly bytes: Buffer
  /** The end of the bytes: a line feed, the end of the file, or the limit for lines, after which nothing is read. */
  readonly end: 'line feed' | 'file' | 'limit'
}

/** A file cannot be read. The message names it. */
export class UnreadableFile extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} cannot be read: ${(cause as Error).message}`, { cause })
    this.name = 'UnreadableFile'
  }
}

/**
 * Reads the lines of a file.
 *
 * @throws UnreadableFile
 */
export async function* readLines(file: string): AsyncGenerator<Line, void> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  for await (const chunk of readPieces(file)) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    let next = bytes.indexOf(LINE_FEED)
    while (next >= 0 && next - start < MAX_LINE_BYTES) {
      number += 1
      yield { number, bytes: bytes.subarray(start, next), end: 'line feed' }
      start = next + 1
      next = bytes.indexOf(LINE_FEED, start)
    }
    rest = bytes.subarray(start)
    if (rest.length >= MAX_LINE_BYTES) {
      yield { number: number + 1, bytes: rest.subarray(0, MAX_LINE_BYTES), end: 'limit' }
      return
    }
  }
  if (rest.length > 0) {
    yield { number: number + 1, bytes: rest, end: 'file' }
  }
}

/**
 * Reads a file in pieces of up to 1 MB.
 *
 * @param range offset of the first byte, and of the last one
 * @throws UnreadableFile
 */
export async function* readPieces(
  file: string,
  range: { readonly start?: number; readonly end?: number } = {},
): AsyncGenerator<Buffer, void> {
  try {
    yield* createReadStream(file, { ...range, highWaterMark: PIECE_BYTES })
  } catch (error) {
    throw new UnreadableFile(file, error)
  }
}
