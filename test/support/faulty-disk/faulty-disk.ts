/** Faults of the disk at a test's command; `faulty-disk.c` says what a plan may contain. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from '../repository.ts'

const SOURCE = repositoryPath('test/support/faulty-disk/faulty-disk.c')

export interface FaultyDisk {
  /** Variables of a process whose disk it is to be. */
  readonly environment: Readonly<Record<string, string>>
  /** Replaces the plan, for calls that begin from now on and those on hold; none: all goes well. */
  plan(rule?: 'hold' | 'fail' | `delay ${number}`): void
  /** Counts how often something was written to the disk so far. */
  calls(): number
}

export async function createFaultyDisk(directory: string): Promise<FaultyDisk> {
  const [plan, calls] = [join(directory, 'disk-plan'), join(directory, 'disk-calls')]
  return {
    environment: {
      LD_PRELOAD: await build(),
      FAULTY_DISK_PLAN: plan,
      FAULTY_DISK_CALLS: calls,
    },
    plan(rule = undefined) {
      writeFileSync(`${plan}.new`, rule ?? '')
      renameSync(`${plan}.new`, plan)
    },
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0),
  }
}

/** @returns the path of the shared library, which is compiled once for each version of its source */
async function build(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16)
  const library = repositoryPath('dist/faulty-disk', `${version}.so`)
  if (!existsSync(library)) {
    mkdirSync(join(library, '..'), { recursive: true })
    // Test files run at the same time: none may load what another has half written
    const unfinished = `${library}.${process.pid}`
    await promisify(execFile)('cc', [
      ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', '-fPIC', '-shared', SOURCE],
      ...['-o', unfinished, '-ldl'],
    ])
    renameSync(unfinished, library)
  }
  return library
}
