import { digestFile, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { CommandFailed } from './exit-codes.ts'

/** Returns the digest of a file. An error becomes a message that names the file. */
export async function digestInput(hashAlgorithm: HashAlgorithm, file: string): Promise<Buffer> {
  try {
    return await digestFile(hashAlgorithm, file)
  } catch (error) {
    throw new CommandFailed(`${file} cannot be read: ${(error as Error).message}`)
  }
}
