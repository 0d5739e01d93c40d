import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { ConfigurationProblem } from '../errors.ts'
import { isReadable, warnAboutMode } from './files.ts'
import type { GivenPath } from './given-path.ts'
import { problemWith } from './problem.ts'
import type { TlsFiles } from './timestamp-authority.ts'

/** Names of the settings of the files, for messages. */
export type TlsSettings = Readonly<Record<keyof TlsFiles, string>>

export type GivenTlsFiles = { readonly [file in keyof TlsFiles]: GivenPath }

/** Finds problems of files for TLS. They are reported at the start, although the files are read at each use. */
export function findTlsProblems(
  files: GivenTlsFiles,
  settings: TlsSettings,
  warnings: string[],
): ConfigurationProblem[] {
  const { caFile, certificateFile, keyFile } = files
  const problems: ConfigurationProblem[] = []
  const contents = {
    ca: read(settings.caFile, caFile, problems),
    cert: read(settings.certificateFile, certificateFile, problems),
    key: read(settings.keyFile, keyFile, problems),
  }
  if (keyFile !== undefined && contents.key !== undefined) {
    warnAboutMode(settings.keyFile, keyFile.path, warnings)
  }
  // OpenSSL silently ignores other files
  if (contents.ca?.includes('-----BEGIN CERTIFICATE-----') === false) {
    problems.push(problemWith(settings.caFile, 'holds no PEM certificate', caFile?.shown))
  }
  if (certificateFile !== undefined && keyFile === undefined) {
    problems.push(problemWith(settings.keyFile, `is required beside ${settings.certificateFile}`))
  }
  if (keyFile !== undefined && certificateFile === undefined) {
    problems.push(problemWith(settings.certificateFile, `is required beside ${settings.keyFile}`))
  }
  const { cert, key } = contents
  if (cert !== undefined && key !== undefined) {
    try {
      createSecureContext({ cert, key })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const wrong = `does not go with ${settings.certificateFile} for OpenSSL (${code})`
      problems.push(problemWith(settings.keyFile, wrong, keyFile?.shown))
    }
  }
  return problems
}

function read(
  setting: string,
  file: GivenPath | undefined,
  problems: ConfigurationProblem[],
): Buffer | undefined {
  return file !== undefined && isReadable(setting, file, problems) ? readFileSync(file.path) : undefined
}
