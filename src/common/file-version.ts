import { statSync } from 'node:fs'

/** Returns what changes with each change of a file, or of a link that leads to it; the code of the error where it cannot be reached. */
export function fileVersion(file: string): string {
  try {
    const { dev, ino, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return [dev, ino, mtimeNs, ctimeNs].join()
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code}`
  }
}
