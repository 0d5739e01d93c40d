import { readFileSync } from 'node:fs'
import { repositoryPath } from './repository.ts'

/** What is under a heading of the second level in the README. */
export function readChapter(heading: string): string {
  const [, rest = ''] = readFileSync(repositoryPath('README.md'), 'utf8').split(`\n## ${heading}\n`)
  return rest.split('\n## ')[0] as string
}
