/** Validators in Java: compiled once for each version of their sources. */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from '../repository.ts'
import { ValidatorProcess } from './validator-process.ts'

const SOURCES = repositoryPath('test/support/validators/java')

/** Folders of programs, each with a class `Validate` and a class `Versions`, and the libraries that each needs. */
const LIBRARIES = {
  'bouncy-castle': ['bouncycastle', 'pdfbox'],
  dss: ['dss'],
} as const
export type JavaProgram = keyof typeof LIBRARIES

/** Options for programs that live for seconds: what makes long runs fast would cost more than it brings. */
export const SHORT_RUN = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Dslf4j.internal.verbosity=ERROR']

/** Returns the class path of a program's libraries; undefined where they or the JDK are not installed. */
export function findJavaLibraries(program: JavaProgram): string | undefined {
  const script = repositoryPath('docker/jar-path.sh')
  const { status, stdout } = spawnSync(script, LIBRARIES[program], { encoding: 'utf8' })
  return status === 0 && spawnSync('javac', ['-version']).status === 0 ? stdout.trim() : undefined
}

/**
 * Compiles a program where that has not been done.
 *
 * @param libraries as `findJavaLibraries` returns them
 * @returns the class path of the program
 */
export async function buildJavaProgram(program: JavaProgram, libraries: string): Promise<string> {
  const sources = ['common', program].flatMap((folder) =>
    readdirSync(join(SOURCES, folder)).map((name) => join(SOURCES, folder, name)),
  )
  const hash = createHash('sha256').update(libraries)
  for (const source of sources) {
    hash.update(readFileSync(source))
  }
  const classes = repositoryPath('dist/java-validators', hash.digest('hex').slice(0, 16))
  if (!existsSync(classes)) {
    mkdirSync(join(classes, '..'), { recursive: true })
    // Test files run at the same time: none may load what another has half written
    const unfinished = `${classes}.${process.pid}`
    await promisify(execFile)('javac', ['-d', unfinished, '-cp', libraries, ...sources])
    moveInto(unfinished, classes)
  }
  return `${libraries}:${classes}`
}

/**
 * Starts a program, compiled where that has not been done.
 *
 * @param libraries as `findJavaLibraries` returns them
 */
export async function startJavaProgram(program: JavaProgram, libraries: string): Promise<ValidatorProcess> {
  const classPath = await buildJavaProgram(program, libraries)
  return new ValidatorProcess('java', [...SHORT_RUN, '-cp', classPath, 'Validate'])
}

/** A directory takes no other's place: the first to come is kept, and what comes later is the same. */
function moveInto(unfinished: string, directory: string): void {
  try {
    renameSync(unfinished, directory)
  } catch (error) {
    if (!existsSync(directory)) {
      throw error
    }
  }
}
