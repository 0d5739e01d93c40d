import { createHash, type X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import type { ConfigurationProblem } from '../errors.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import type { GivenPath } from './given-path.ts'
import { problemWith } from './problem.ts'
import { describeUnreadable } from './read-pin.ts'

/** Returns whether a setting names a file that this user may read. If not, adds a problem. */
export function isReadable(
  setting: string,
  { path, shown }: GivenPath,
  problems: ConfigurationProblem[],
): boolean {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    problems.push(problemWith(setting, describeUnreadable(error as NodeJS.ErrnoException), shown))
    return false
  }
  if (!statSync(path).isFile()) {
    problems.push(problemWith(setting, 'cannot be read (it is not a file)', shown))
    return false
  }
  return true
}

/** Permission bits of users other than owner and group to read or write a file. */
const OTHERS = 0o006

/** Warns if everybody on this host may read or replace a file that holds a secret. */
export function warnAboutMode(setting: string, path: string, warnings: string[]): void {
  const mode = statSync(path).mode & 0o777
  if ((mode & OTHERS) !== 0) {
    warnings.push(
      `${setting}: holds a secret, and everybody on this host may read or change it (mode ${mode.toString(8)}): ` +
        'chmod o-rwx, in Kubernetes defaultMode: 0440 and fsGroup',
    )
  }
}

/** Returns the certificates in the file's order; undefined if no file is named, or there is a problem with it. */
export function readCertificateFile(
  setting: string,
  file: GivenPath | undefined,
  problems: ConfigurationProblem[],
): readonly X509Certificate[] | undefined {
  if (file === undefined || !isReadable(setting, file, problems)) {
    return undefined
  }
  try {
    return parseOnce(readFileSync(file.path))
  } catch (error) {
    problems.push(problemWith(setting, (error as Error).message, file.shown))
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
  kept.delete(id)
  kept.set(id, certificates)
  kept.delete([...kept.keys()].at(-1 - MAX_KEPT) as string)
  return certificates
}
