/** Compiles the service in Go, once for each version of its source. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from '../../support/repository.ts'

const SOURCES = ['main.go', 'go.mod', 'go.sum']
const FOLDER = repositoryPath('test/bench/peers')

/** Returns the path of the program, or undefined where there is no Go, or none that brings the modules. */
export async function buildGoPool(note: (what: string) => void): Promise<string | undefined> {
  const version = createHash('sha256')
  for (const name of SOURCES) {
    version.update(readFileSync(join(FOLDER, name)))
  }
  const program = repositoryPath('dist/peers', version.digest('hex').slice(0, 16))
  if (!existsSync(program)) {
    mkdirSync(join(program, '..'), { recursive: true })
    const unfinished = `${program}.${process.pid}`
    try {
      await promisify(execFile)('go', ['build', '-o', unfinished, '.'], { cwd: FOLDER })
    } catch (error) {
      const { message, stderr = '' } = error as Error & { stderr?: string }
      note(`peers: the pool in Go is left out, as it cannot be built here: ${stderr.trim() || message}`)
      return undefined
    }
    renameSync(unfinished, program)
  }
  return program
}
