/** Reads how decisions are recorded. */
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import { readRotatedNumber } from '../common/rotated-file.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { AuditConfiguration } from './audit-configuration.ts'
import { describeFile } from './files.ts'
import { type Findings, problemWith } from './problem.ts'
import { describeUnreadable } from './read-pin.ts'
import type { SignersConfiguration } from './signer-configuration.ts'
import type { GivenVariables } from './variables.ts'

/** Variables that need AUDIT_FILE, and those that need any records. */
const OF_FILE = ['AUDIT_SYNC', 'AUDIT_ROTATE_BYTES'] as const
const OF_RECORDS = [
  'AUDIT_STREAM',
  'AUDIT_SIGNER',
  'AUDIT_CHECKPOINT_RECORDS',
  'AUDIT_CHECKPOINT_SECONDS',
] as const

/** Returns how decisions are recorded; undefined if they are not. */
export function readAudit(
  given: GivenVariables,
  values: Partial<Environment>,
  { problems, warnings }: Pick<Findings, 'problems' | 'warnings'>,
): AuditConfiguration | undefined {
  const file = describeFile({ setting: 'AUDIT_FILE', folder: '' }, values.AUDIT_FILE)
  const stdout = values.AUDIT_STDOUT === 'true'
  const isRecorded = file !== undefined || stdout
  const idle = [...(file === undefined ? OF_FILE : []), ...(isRecorded ? [] : OF_RECORDS)]
  for (const name of idle.filter((name) => given[name] !== undefined)) {
    const missing = (OF_FILE as readonly string[]).includes(name)
      ? 'AUDIT_FILE'
      : 'AUDIT_FILE or AUDIT_STDOUT'
    warnings.push(`${name}: has no effect without ${missing}`)
  }
  if (!isRecorded) {
    return undefined
  }
  if (file !== undefined) {
    if (readRotatedNumber(file.path) !== undefined) {
      problems.push(problemWith('AUDIT_FILE', 'has a name such as files get that were rotated', file.shown))
    }
    try {
      // A path that goes on behind a file is told from one that this user may not search
      accessSync(`${dirname(file.path)}/.`, constants.W_OK | constants.X_OK)
    } catch (error) {
      const wrong = `is in a folder that ${describeUnwritable(error as NodeJS.ErrnoException)}`
      const isForbidden = (error as NodeJS.ErrnoException).code === 'EACCES'
      problems.push({ ...problemWith('AUDIT_FILE', wrong, file.shown), isForbidden })
    }
  }
  const { AUDIT_SIGNER: signer } = values
  if (signer === undefined) {
    warnings.push(
      'AUDIT_SIGNER: is not set, so no key signs the records: whoever can write the file can write all of it anew',
    )
  }
  const whole = values as Environment
  return {
    ...defined({ file: file?.path, signer, stream: values.AUDIT_STREAM }),
    stdout,
    sync: whole.AUDIT_SYNC,
    rotateBytes: whole.AUDIT_ROTATE_BYTES,
    checkpointRecords: whole.AUDIT_CHECKPOINT_RECORDS,
    checkpointMs: whole.AUDIT_CHECKPOINT_SECONDS * 1000,
  }
}

/** Finds that there is no signer that signs the records, which a reload must not take away either. */
export function findAuditSignerProblems(
  { AUDIT_FILE, AUDIT_STDOUT, AUDIT_SIGNER: signer }: Partial<Environment>,
  { signers }: Pick<SignersConfiguration, 'signers'>,
): ConfigurationProblem[] {
  const isRecorded = AUDIT_FILE !== undefined || AUDIT_STDOUT === 'true'
  // Where no signers could be read, something else says why
  const isKnown = signers.length === 0 || signers.some(({ name }) => name === signer)
  return !isRecorded || signer === undefined || isKnown
    ? []
    : [problemWith('AUDIT_SIGNER', 'is not the name of a signer', signer)]
}

/** Words for why records cannot be written to a folder, keyed by the code of the error. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  EACCES: `user ${process.geteuid?.()} may not write to`,
  EROFS:
    'nobody can write to, as its file system is read-only here (systemd: StateDirectory, or ReadWritePaths)',
}

function describeUnwritable(error: NodeJS.ErrnoException): string {
  return UNWRITABLE[`${error.code}`] ?? describeUnreadable(error)
}
