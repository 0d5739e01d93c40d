/** Reads the document that a command signs: a file, or standard input where the file is `-`. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { CommandFailed, type Io } from './io.ts'

const STANDARD_INPUT = '-'

/** Node.js verifies no more at once. */
const MAX_KEPT_LENGTH = 2 ** 31 - 1

export interface Document {
  readonly digest: Buffer
  /** The document itself, if it was to be kept. */
  readonly message?: Buffer
}

/**
 * Hashes a document piece by piece, so that it need not fit into memory unless it is to be kept.
 *
 * @param file path, or `-`; a file of that name is `./-`
 * @param kept whether the document itself is needed; without a limit in bytes, a stream would fill the memory
 * @throws CommandFailed that names the file, when it cannot be read or is too long to be kept, or standard input is empty
 */
export async function readDocument(
  { input }: Pick<Io, 'input'>,
  file: string,
  { nodeName }: Pick<HashAlgorithm, 'nodeName'>,
  { kept, limit = MAX_KEPT_LENGTH }: { readonly kept: boolean; readonly limit?: number },
): Promise<Document> {
  const hash = createHash(nodeName)
  const pieces: Buffer[] = []
  let length = 0
  try {
    await pipeline(
      file === STANDARD_INPUT ? input : createReadStream(file),
      async (source: AsyncIterable<Buffer>) => {
        for await (const piece of source) {
          hash.update(piece)
          length += piece.length
          if (kept && length > limit) {
            throw new Error(
              `it has more than ${limit} bytes, which is too much for a raw signature of this key`,
            )
          }
          if (kept) {
            pieces.push(piece)
          }
        }
      },
    )
  } catch (error) {
    const name = file === STANDARD_INPUT ? 'standard input' : file
    throw new CommandFailed(`${name} cannot be read: ${(error as Error).message}`)
  }
  if (file === STANDARD_INPUT && length === 0) {
    // It also is where it was closed, is a directory, or the command that should have written there failed
    throw new CommandFailed('standard input has nothing: an empty document has to be a file')
  }
  return { digest: hash.digest(), ...(kept && { message: Buffer.concat(pieces, length) }) }
}
