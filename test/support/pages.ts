import { readFileSync } from 'node:fs'
import { repositoryPath } from './repository.ts'

/** Returns the text of a page of the documentation, such as `docs/signers.md`. */
export function readPage(page: string): string {
  return readFileSync(repositoryPath(page), 'utf8')
}

/** Returns what is under a heading of the second level in a page of the documentation. */
export function readChapter(page: string, heading: string): string {
  const [, rest = ''] = readPage(page).split(`\n## ${heading}\n`)
  return rest.split('\n## ')[0] as string
}
