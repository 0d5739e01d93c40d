/** The files that a configuration names: whether they can be read, by whom, and what certificates they hold. */
import { isUtf8 } from 'node:buffer'
import { createHash, type X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileVersion } from '../common/file-version.ts'
import { parseJson } from '../common/json.ts'
import { keepLatest } from '../common/keep-latest.ts'
import { MAX_FILE_BYTES } from '../common/read-file.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import { type Findings, problemWith } from './problem.ts'
import { describeUnreadable } from './read-pin.ts'

/** The place where a setting is given. */
export interface Place {
  /** A variable, or a place in the signers file. */
  readonly setting: string
  /** Folder in which relative paths start. */
  readonly folder: string
}

/** A file that a setting names. */
export interface GivenFile {
  readonly setting: string
  /** Absolute path. */
  readonly path: string
  /** Path as it was given, for messages; undefined if it may be a secret in place of a path. */
  readonly shown: string | undefined
}

/** Resolves a path, and keeps it as it was given for messages. Returns undefined if none is given. */
export function describeFile({ setting, folder }: Place, given: string | undefined): GivenFile | undefined {
  return given === undefined ? undefined : { setting, path: resolve(folder, given), shown: given }
}

/** Describes a file that holds a secret. Its path is shown only if it looks like a path, not like a secret. */
export function describeSecretFile(place: Place, given: string | undefined): GivenFile | undefined {
  const file = describeFile(place, given)
  return file && { ...file, shown: /^\.{0,2}\//.test(`${given}`) ? given : undefined }
}

/** Returns whether this user may read a file. If not, adds a problem. */
export function isReadable({ setting, path, shown }: GivenFile, problems: ConfigurationProblem[]): boolean {
  try {
    accessSync(path, constants.R_OK)
    if (statSync(path).isFile()) {
      return true
    }
    problems.push(problemWith(setting, 'cannot be read (it is not a file)', shown))
  } catch (error) {
    problems.push(unreadable({ setting, shown }, error as NodeJS.ErrnoException))
  }
  return false
}

function unreadable(
  { setting, shown }: Pick<GivenFile, 'setting' | 'shown'>,
  error: NodeJS.ErrnoException,
): ConfigurationProblem {
  return { ...problemWith(setting, describeUnreadable(error), shown), isForbidden: error.code === 'EACCES' }
}

/** Permission bits of users other than owner and group to read or write a file. */
const OTHERS = 0o006

/** Warns if everybody on this host may read or replace a file that holds a secret. */
export function warnAboutMode({ setting, path }: GivenFile, warnings: string[]): void {
  // Whoever replaces the file may have taken it away meanwhile
  const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
  if ((mode & OTHERS) !== 0) {
    warnings.push(
      `${setting}: holds a secret, and everybody on this host may read or change it (mode ${mode.toString(8)}): ` +
        'chmod o-rwx, in Kubernetes defaultMode: 0440 and fsGroup',
    )
  }
}

/** Returns the content of a file; undefined if none is named, or it cannot be read, which is a problem. */
export function readGivenFile(
  file: GivenFile | undefined,
  problems: ConfigurationProblem[],
  maxBytes = MAX_FILE_BYTES,
): Buffer | undefined {
  if (file === undefined || !isReadable(file, problems)) {
    return undefined
  }
  const { setting, path, shown } = file
  try {
    if (statSync(path).size <= maxBytes) {
      return readFileSync(path)
    }
    problems.push(problemWith(setting, `is larger than ${maxBytes} bytes`, shown))
  } catch (error) {
    // A disk may be away although it still says who may read its files
    problems.push(unreadable(file, error as NodeJS.ErrnoException))
  }
  return undefined
}

/**
 * Parses the content of a JSON file, which some editors begin with a byte order mark.
 *
 * @throws Error whose message follows the name of the file, and quotes nothing of it
 */
export function parseJsonFile(content: Buffer): unknown {
  if (!isUtf8(content)) {
    throw new Error('is not UTF-8')
  }
  return parseJson(content.toString().replace(/^\uFEFF/, ''))
}

/** Notes the status of a file before it is read for the first time, by which a change is noticed. */
export function noteFile(files: Findings['files'], { path }: GivenFile): void {
  if (!files.has(path)) {
    files.set(path, fileVersion(path))
  }
}

/** Returns the certificates in the file's order; undefined if no file is named, or there is a problem with it. */
export function readCertificateFile(
  file: GivenFile | undefined,
  { problems, files }: Pick<Findings, 'problems' | 'files'>,
): readonly X509Certificate[] | undefined {
  if (file === undefined) {
    return undefined
  }
  noteFile(files, file)
  return parseGivenFile(file, problems, parseOnce)
}

/**
 * Returns what `parse` makes of the content of a file; undefined if no file is named, or there is a problem with it.
 *
 * @param parse throws an Error whose message follows the name of the file
 */
export function parseGivenFile<T>(
  file: GivenFile | undefined,
  problems: ConfigurationProblem[],
  parse: (content: Buffer) => T,
  maxBytes = MAX_FILE_BYTES,
): T | undefined {
  const content = readGivenFile(file, problems, maxBytes)
  if (file === undefined || content === undefined) {
    return undefined
  }
  try {
    return parse(content)
  } catch (error) {
    problems.push(problemWith(file.setting, (error as Error).message, file.shown))
    return undefined
  }
}

/** Most files whose certificates are kept, which is more than any configuration names. */
const MAX_KEPT = 2_048
/** Certificates, keyed by the digest of their file, in the order in which they were last used. */
const kept = new Map<string, readonly X509Certificate[]>()

/** Parses certificates, and keeps them, so that a reload of unchanged files keeps what is cached about them. */
function parseOnce(content: Buffer): readonly X509Certificate[] {
  const id = createHash('sha256').update(content).digest('base64')
  const certificates = kept.get(id) ?? parseCertificates(content)
  keepLatest(kept, id, certificates, MAX_KEPT)
  return certificates
}
