/** What many tests need and few are about, such as RSA keys: made once, and copied by each that asks for it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryPath } from './repository.ts'

const FOLDER = repositoryPath('dist/test-material')

/**
 * Path of the folder that holds it; undefined until somebody has made it today: certificates expire.
 *
 * @param what its kind, and the parameters that it was made with
 */
export function findMaterial(what: readonly unknown[]): string | undefined {
  const folder = pathOf(what)
  return existsSync(folder) ? folder : undefined
}

/** An empty folder to make it in. */
export function beginMaterial(): string {
  mkdirSync(FOLDER, { recursive: true })
  return mkdtempSync(join(FOLDER, 'unfinished-'))
}

/** Has what was made found from now on. Returns the path of the folder that holds it. */
export function keepMaterial(unfinished: string, what: readonly unknown[]): string {
  const folder = pathOf(what)
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Test files run at the same time: another one has made it meanwhile
    if (!existsSync(folder)) {
      throw error
    }
    rmSync(unfinished, { recursive: true })
  }
  return folder
}

function pathOf(what: readonly unknown[]): string {
  const today = new Date().toISOString().slice(0, 10)
  const name = createHash('sha256')
    .update(JSON.stringify([today, ...what]))
    .digest('hex')
  return join(FOLDER, name.slice(0, 16))
}
