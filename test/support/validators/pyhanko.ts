import { join } from 'node:path'
import { findPythonEnvironment } from '../python.ts'
import { repositoryPath } from '../repository.ts'
import { withTemporaryFiles } from './temporary-files.ts'
import { ValidatorProcess } from './validator-process.ts'

export interface PyhankoDemands {
  /** Paths of PEM files with trust anchors. */
  readonly anchors: string
  readonly timestampAnchors: string
  /** Where all must be that is needed to know that no certificate was revoked: in adbe-revocationInfoArchival, or DSS. */
  readonly revocation?: 'container' | 'dictionary'
}

const { directory, missing } = findPythonEnvironment('pyhanko')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_PYHANKO = missing

/** Path of the Python whose packages pyHanko is among. */
export const PYTHON = join(directory, 'bin/python')

/** pyHanko, in one Python process that fetches nothing. */
export class Pyhanko {
  readonly #process = new ValidatorProcess(PYTHON, [
    repositoryPath('test/support/validators/python/validate.py'),
  ])

  /**
   * Judges the one signature of a PDF.
   *
   * @returns what is wrong; undefined where the signature is valid and trusted
   */
  async judge(
    pdf: Uint8Array,
    { anchors, timestampAnchors, revocation }: PyhankoDemands,
  ): Promise<string | undefined> {
    const { complaint } = await withTemporaryFiles({ pdf }, (paths) =>
      this.#process.ask({ ...paths, anchors, timestampAnchors, ...(revocation && { revocation }) }),
    )
    return typeof complaint === 'string' ? complaint : undefined
  }

  /** Ends the process once it has answered all. */
  async close(): Promise<void> {
    await this.#process.close()
  }
}
