import { CommandFailed } from './exit-codes.ts'

/** Reads a file. An error becomes a message that names the file. */
export function useFile<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new CommandFailed(`${file} cannot be used: ${(error as Error).message}`)
  }
}
