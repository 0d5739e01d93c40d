/** Reads timestamp authorities from variables or the signers file. */
import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { findHashAlgorithm, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { defined } from '../common/defined.ts'
import { Password } from '../common/password.ts'
import { readSecret } from '../common/secret.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { isSelfSigned } from '../x509/chain.ts'
import { isReadable, warnAboutMode } from './files.ts'
import type { GivenPath } from './given-path.ts'
import { problemWith } from './problem.ts'
import type { Credentials, TimestampAuthority, TlsFiles } from './timestamp-authority.ts'
import { findTlsProblems, type GivenTlsFiles, type TlsSettings } from './tls-files.ts'

/** Describes one authority, or several that share all other settings. */
export interface AuthorityDescription {
  readonly urls: readonly string[]
  readonly user?: string
  readonly password?: string
  readonly passwordFile?: GivenPath
  readonly policy?: string
  readonly hashAlgorithm: string
  readonly caFile?: GivenPath
  readonly tls?: GivenTlsFiles
}

/** Names of these settings, for messages. */
export interface AuthoritySettings {
  readonly url: string
  readonly user: string
  readonly passwordFile: string
  readonly caFile: string
  readonly tls: TlsSettings
  /** Settings for user and password, in words. */
  readonly credentials: string
}

export interface AuthorityContext {
  readonly readCertificates: (setting: string, file: GivenPath) => readonly X509Certificate[] | undefined
  readonly problems: ConfigurationProblem[]
  readonly warnings: string[]
}

/** Reads authorities. The result is complete if no problem was found, and empty if the trust anchors are wrong. */
export function readAuthorities(
  described: AuthorityDescription,
  settings: AuthoritySettings,
  context: AuthorityContext,
): TimestampAuthority[] {
  const { problems, warnings } = context
  const urls = readUrls(described.urls, settings, problems)
  const credentials = readCredentials(described, settings, context)
  if (credentials !== undefined) {
    warnings.push(...urls.filter(isExposed).map(({ host }) => describeExposure(settings.url, host)))
  }
  const trustAnchors = readTrustAnchors(described.caFile, settings.caFile, context)
  const { policy, tls = {} } = described
  problems.push(...findTlsProblems(tls, settings.tls, warnings))
  if (urls.length > 0 && urls.every(isPlain)) {
    for (const [property, { shown }] of Object.entries(tls) as [keyof TlsFiles, GivenPath][]) {
      const wrong = 'is for https, which none of the addresses is'
      problems.push(problemWith(settings.tls[property], wrong, shown))
    }
  }
  const hashAlgorithm = findHashAlgorithm(described.hashAlgorithm) as HashAlgorithm
  if (trustAnchors === undefined) {
    return []
  }
  return urls.map((url) => ({
    ...{ url, hashAlgorithm, trustAnchors },
    ...defined({ credentials, policy, tls: isPlain(url) ? undefined : listPaths(described.tls) }),
  }))
}

function listPaths(files: GivenTlsFiles | undefined): TlsFiles | undefined {
  return files && Object.fromEntries(Object.entries(files).map(([name, { path }]) => [name, path]))
}

/** Reads the addresses. A wrong one is not quoted, since it can hold a password or an access key. */
function readUrls(
  texts: readonly string[],
  { url: setting, credentials }: AuthoritySettings,
  problems: ConfigurationProblem[],
): URL[] {
  if (texts.length === 0) {
    problems.push(problemWith(setting, 'names none'))
  }
  const urls = texts.map((text, index) => {
    const which = texts.length > 1 ? `address ${index + 1} ` : ''
    const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined) {
      problems.push(problemWith(setting, `${which}is no http or https address`))
    } else if (url.username !== '' || url.password !== '') {
      problems.push(
        problemWith(setting, `${which}has a user or a password in it; give them with ${credentials}`),
      )
    }
    return url
  })
  return urls.filter((url) => url !== undefined)
}

function isPlain({ protocol }: URL): boolean {
  return protocol === 'http:'
}

/** Returns whether requests to an address can be read on the way, as those to a proxy on this machine cannot. */
function isExposed(url: URL): boolean {
  return isPlain(url) && !/^(127\..*|\[::1\]|(.+\.)?localhost)$/.test(url.hostname)
}

function describeExposure(setting: string, host: string): string {
  return `${setting}: ${host} is told user and password over plain http, which anybody on the way can read; use https`
}

function readCredentials(
  { user, password, passwordFile }: AuthorityDescription,
  settings: AuthoritySettings,
  { problems, warnings }: AuthorityContext,
): Credentials | undefined {
  const parse = (setting: string, content: Buffer | string, shown?: string) => {
    try {
      return readSecret(content)
    } catch (error) {
      problems.push(problemWith(setting, (error as Error).message, shown))
      return ''
    }
  }
  if (passwordFile !== undefined && isReadable(settings.passwordFile, passwordFile, problems)) {
    // Problems are reported at the start, although the file is read at each use
    parse(settings.passwordFile, readFileSync(passwordFile.path), passwordFile.shown)
    warnAboutMode(settings.passwordFile, passwordFile.path, warnings)
  }
  if (password !== undefined && passwordFile !== undefined) {
    const wrong = 'is set beside TSA_PASSWORD; set one of the two'
    problems.push(problemWith(settings.passwordFile, wrong, passwordFile.shown))
  }
  if (user === undefined) {
    if (password !== undefined || passwordFile !== undefined) {
      problems.push(problemWith(settings.user, 'is required beside a password'))
    }
    return undefined
  }
  if (passwordFile !== undefined) {
    return { user, passwordFile: passwordFile.path }
  }
  if (password === undefined) {
    problems.push(problemWith(settings.passwordFile, 'is required beside a user'))
    return undefined
  }
  return { user, password: new Password(parse('TSA_PASSWORD', password)) }
}

/** Returns the certificates of a file; undefined if the file holds no self-signed one. */
function readTrustAnchors(
  file: GivenPath | undefined,
  setting: string,
  { readCertificates, problems }: AuthorityContext,
): readonly X509Certificate[] | undefined {
  if (file === undefined) {
    return []
  }
  const certificates = readCertificates(setting, file)
  if (certificates?.some(isSelfSigned) === false) {
    const wrong = 'holds no self-signed certificate, which the root of the chain is; add it'
    problems.push(problemWith(setting, wrong, file.shown))
    return undefined
  }
  return certificates
}
