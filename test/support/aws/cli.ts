/** The AWS CLI, and the model of AWS's API that it brings along. */
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPythonEnvironment } from '../python.ts'
import { repositoryPath } from '../repository.ts'
import type { Call } from './cloud.ts'

const { directory, missing } = findPythonEnvironment('aws-cli')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_AWS_CLI = missing

/**
 * Puts a command `aws` into a folder.
 *
 * @returns what reads the arguments of each of its calls so far
 */
export function installAws(bin: string): () => string[][] {
  const log = join(bin, 'aws.log')
  const script = `#!/bin/sh\nprintf '%s\\t' "$@" >>'${log}'\necho >>'${log}'\nexec '${join(directory, 'bin/aws')}' "$@"\n`
  writeFileSync(join(bin, 'aws'), script)
  chmodSync(join(bin, 'aws'), 0o755)
  writeFileSync(log, '')
  return () =>
    readFileSync(log, 'utf8')
      .split('\t\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'))
}

export interface ToJudge {
  /** Arguments of commands. */
  readonly commands?: readonly (readonly string[])[]
  readonly calls?: readonly Call[]
  /** Rights of IAM, such as `cloudhsm:DescribeClusters`. */
  readonly actions?: readonly string[]
}

/** Returns what is wrong by the model of AWS's API. */
export function judgeByModel({ commands = [], calls = [], actions = [] }: ToJudge): string[] {
  const script = repositoryPath('test/support/validators/python/aws_model.py')
  const input = JSON.stringify({ commands, calls, actions })
  return JSON.parse(execFileSync(join(directory, 'bin/python'), [script], { input, encoding: 'utf8' }))
}
