/** Compiles the faulty PKCS#11 module, once for each version of its source. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from '../repository.ts'

const SOURCE = repositoryPath('test/support/faulty-module/faulty.c')
const HEADERS = repositoryPath('node_modules/pkcs11js/includes')

/** @returns the path of the shared library */
export async function buildFaultyModule(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16)
  const library = repositoryPath('dist/faulty-module', `${version}.so`)
  if (!existsSync(library)) {
    mkdirSync(join(library, '..'), { recursive: true })
    // Test files run at the same time: none may load what another has half written
    const unfinished = `${library}.${process.pid}`
    await promisify(execFile)('cc', [
      ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', '-fPIC', '-shared', '-isystem', HEADERS],
      ...[SOURCE, '-o', unfinished, '-ldl', '-lpthread'],
    ])
    renameSync(unfinished, library)
  }
  return library
}
