import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/** Returns what changes with each change of a file, or of a link that leads to it; the code of the error where it cannot be reached. */
export function fileVersion(file: string): string {
  try {
    return describe(statSync(file, { bigint: true }))
  } catch (error) {
    return describeError(error as NodeJS.ErrnoException)
  }
}

/** Returns the same in a while, which may be as long as a file server is away. */
export function lookAtFile(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(describe, describeError)
}

function describe({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

function describeError({ code }: NodeJS.ErrnoException): string {
  return `${code}`
}
