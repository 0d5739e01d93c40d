import { resolve } from 'node:path'

/** A path from the configuration. */
export interface GivenPath {
  /** Absolute path. */
  readonly path: string
  /** Path as it was given, for messages; absent if it may be a secret in place of a path. */
  readonly shown?: string
}

/** Result of describing a path, which is undefined for a path that is not given. */
type Described<T> = T extends string ? GivenPath : undefined

/**
 * Resolves a path, and keeps it as it was given for messages.
 *
 * @param folder folder in which relative paths start
 */
export function describePath<T extends string | undefined>(given: T, folder = ''): Described<T> {
  const described = given === undefined ? undefined : { path: resolve(folder, given), shown: given }
  return described as Described<T>
}

/** Describes the path of a file that holds a secret. It is shown only if it looks like a path, not like a secret. */
export function describeSecretPath<T extends string | undefined>(given: T, folder = ''): Described<T> {
  const described =
    given === undefined || /^\.{0,2}\//.test(given) ? describePath(given, folder) : hide(given, folder)
  return described as Described<T>
}

function hide(given: string, folder: string): GivenPath {
  return { path: resolve(folder, given) }
}
