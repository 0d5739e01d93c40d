import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPythonEnvironment } from '../python.ts'
import { runTool } from './run-tool.ts'

const { directory, missing } = findPythonEnvironment('schemathesis')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_SCHEMATHESIS = missing

export interface SchemathesisOptions {
  /** Address of the service. */
  readonly url: string
  /** Address or path of its description. */
  readonly openApi: string
  readonly authorization: string
}

/**
 * Sends requests that Schemathesis makes of a description, the same ones each time, and judges the answers by it.
 *
 * @returns what it has to complain of; undefined if it has nothing
 */
export async function findComplaint({
  url,
  openApi,
  authorization,
}: SchemathesisOptions): Promise<string | undefined> {
  const cwd = mkdtempSync(join(tmpdir(), 'schemathesis-'))
  const checks = [
    ...['--phases', 'examples,coverage,fuzzing', '--checks', 'all'],
    // Bodies are described as they are checked: no field is required, and values are judged after that
    ...['--exclude-checks', 'positive_data_acceptance'],
  ]
  const repeated = ['--max-examples', '50', '--generation-deterministic']
  const { exitCode, stdout, stderr } = await runTool(
    join(directory, 'bin/schemathesis'),
    [
      '--no-color',
      'run',
      openApi,
      '--url',
      url,
      '-H',
      `Authorization: ${authorization}`,
      ...checks,
      ...repeated,
    ],
    { cwd },
  )
  rmSync(cwd, { recursive: true })
  return exitCode === 0 && /Tested: +[1-9]/.test(stdout) ? undefined : `${stdout}${stderr}`
}
