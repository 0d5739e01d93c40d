import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryPath } from './repository.ts'

/** Virtual environment of a group of docker/install-tools.sh. */
export interface PythonEnvironment {
  readonly directory: string
  /** Why tests that need it are skipped; false where it is there. */
  readonly missing: string | false
}

/** Finds the environment of a group, whether or not it is installed. */
export function findPythonEnvironment(group: string): PythonEnvironment {
  const directory = execFileSync(repositoryPath('docker/python/directory.sh'), [group], {
    encoding: 'utf8',
  }).trim()
  const isThere = existsSync(join(directory, 'installed'))
  return { directory, missing: !isThere && `docker/install-tools.sh python-venv ${group} installs it` }
}
