import { constants, open } from 'node:fs/promises'

/**
 * Reads a file that may be replaced while the process runs. A pipe in its place is refused: its end may never come, and opening
 * it would keep a thread, of which Node.js has four for all files and names.
 *
 * @throws Error of the system, or one without a code whose message follows the name of the file
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await handle.stat()).isFile()) {
      throw new Error('cannot be read (it is not a file)')
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
