import { constants, open } from 'node:fs/promises'

/** Most bytes of a file; a bundle with the roots of all authorities that browsers know has a quarter of a megabyte. */
export const MAX_FILE_BYTES = 16_777_216

/**
 * Reads a file that may be replaced while the process runs. A pipe in its place is refused: its end may never come, and opening
 * it would keep a thread, of which Node.js has four for all files and names.
 *
 * @throws Error of the system, or one without a code whose message follows the name of the file
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) {
      throw new Error('cannot be read (it is not a file)')
    }
    if (stats.size > MAX_FILE_BYTES) {
      throw new Error(`is larger than ${MAX_FILE_BYTES} bytes`)
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
