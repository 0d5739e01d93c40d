import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Path of a file of the repository: the tests run compiled, from `dist/`, and not all files are compiled. */
export function repositoryPath(...path: string[]): string {
  return join(ROOT, ...path)
}

const ROOT = findRoot(import.meta.dirname)

function findRoot(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : findRoot(dirname(directory))
}
