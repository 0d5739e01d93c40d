import { resolve } from 'node:path'

/** A path of the configuration. */
export interface GivenPath {
  /** Absolute. */
  readonly path: string
  /** The path as it was given, for messages; absent where that may be a secret in place of a path. */
  readonly shown?: string
}

/** A path that is given describes one, and one that is not given describes none. */
type Described<T> = T extends string ? GivenPath : undefined

/** @param folder where relative paths start */
export function describePath<T extends string | undefined>(given: T, folder = ''): Described<T> {
  const described = given === undefined ? undefined : { path: resolve(folder, given), shown: given }
  return described as Described<T>
}

/** Describes the path of a file that holds a secret. It is shown only where it looks like a path, and not like the secret. */
export function describeSecretPath<T extends string | undefined>(given: T, folder = ''): Described<T> {
  const described =
    given === undefined || /^\.{0,2}\//.test(given) ? describePath(given, folder) : hide(given, folder)
  return described as Described<T>
}

function hide(given: string, folder: string): GivenPath {
  return { path: resolve(folder, given) }
}
