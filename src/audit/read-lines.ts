/** Reads the lines of files piece by piece, so that files of any size take the same memory. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

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

/** A file of a log. */
export interface LogFile {
  readonly file: string
  readonly lines: AsyncGenerator<Line, void>
  readonly isLast: boolean
}

/** A file cannot be read. The message names it. */
export class UnreadableFile extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} cannot be read: ${(cause as Error).message}`, { cause })
    this.name = 'UnreadableFile'
  }
}

/**
 * Reads files of a log. The last one is opened before the others are read, which may take an hour: a service that runs may rename it
 * meanwhile, and begin another one of that name.
 *
 * @param files in the order of their records
 * @throws UnreadableFile
 */
export async function* readFiles(files: readonly string[]): AsyncGenerator<LogFile, void> {
  const last = files.at(-1) as string
  const handle = await open(last).catch((error) => {
    throw new UnreadableFile(last, error)
  })
  try {
    for (const file of files.slice(0, -1)) {
      yield { file, lines: readLines(file), isLast: false }
    }
    yield { file: last, lines: readLines(last, handle), isLast: true }
  } finally {
    await handle.close()
  }
}

/**
 * Reads the lines of a file.
 *
 * @param handle of the file, if it is open
 * @throws UnreadableFile
 */
export async function* readLines(file: string, handle?: FileHandle): AsyncGenerator<Line, void> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  for await (const chunk of readPieces(file, handle && { fd: handle, autoClose: false })) {
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

interface ReadOptions {
  /** Offset of the first byte. */
  readonly start?: number
  /** Offset of the last byte. */
  readonly end?: number
  /** Handle of the file, if it is open. */
  readonly fd?: FileHandle
  /** False if the handle stays open. */
  readonly autoClose?: boolean
}

/**
 * Reads a file in pieces of up to 1 MB.
 *
 * @throws UnreadableFile
 */
export async function* readPieces(file: string, options: ReadOptions = {}): AsyncGenerator<Buffer, void> {
  try {
    yield* createReadStream(file, { ...options, highWaterMark: PIECE_BYTES })
  } catch (error) {
    throw new UnreadableFile(file, error)
  }
}
