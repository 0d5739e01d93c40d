/** Reads the timestamp authorities of a signer. */
import type { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { findHashAlgorithm, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { defined } from '../common/defined.ts'
import { isLoopback } from '../common/networks.ts'
import { Password } from '../common/password.ts'
import { readSecret } from '../common/secret.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { parseOwnChain } from '../x509/certificate-file.ts'
import { isSelfSigned } from '../x509/chain.ts'
import {
  describeFile,
  describeSecretFile,
  type GivenFile,
  parseGivenFile,
  readCertificateFile,
  readGivenFile,
  warnAboutMode,
} from './files.ts'
import { type Findings, problemWith } from './problem.ts'
import type { SignerDocument, TimestampSettings } from './signer-document.ts'
import type { Credentials, TimestampAuthority, TlsFiles } from './timestamp-authority.ts'

type PlaceOf = SignerDocument['placeOf']

/**
 * Lists the timestamp authorities that a document describes, each with the function that finds the places of its settings.
 * There is one even if TSA_URL is missing.
 */
export function listTimestamps({
  settings: { timestamps },
  placeOf,
}: SignerDocument): { readonly settings: TimestampSettings; readonly placeOf: PlaceOf }[] {
  const isList = Array.isArray(timestamps)
  return [timestamps].flat().map((settings, index) => ({
    settings,
    placeOf: (path) => placeOf(`timestamps/${isList ? `${index}/` : ''}${path}`),
  }))
}

/** Reads authorities. The result is complete if no problem was found, and empty if the trust anchors are wrong. */
export function readAuthorities(document: SignerDocument, findings: Findings): readonly TimestampAuthority[] {
  const { timestamps } = document.settings
  const read =
    findings.authorities.get(timestamps) ??
    listTimestamps(document).flatMap(({ settings, placeOf }) =>
      settings.url === undefined ? [] : readAuthority([settings.url].flat(), settings, placeOf, findings),
    )
  findings.authorities.set(timestamps, read)
  return read
}

function readAuthority(
  addresses: readonly string[],
  settings: TimestampSettings,
  placeOf: PlaceOf,
  findings: Findings,
): TimestampAuthority[] {
  const { problems, warnings } = findings
  const { setting } = placeOf('url')
  const urls = readUrls(addresses, setting, problems)
  const credentials = readCredentials(settings, placeOf, findings)
  if (credentials !== undefined) {
    warnings.push(...urls.filter(isExposed).map(({ host }) => describeExposure(setting, host)))
  }
  const trustAnchors = readTrustAnchors(describeFile(placeOf('caFile'), settings.caFile), findings)
  const tls = readTls(settings, placeOf, findings)
  if (urls.length > 0 && urls.every(isPlain)) {
    const wrong = 'is for https, which none of the addresses is'
    problems.push(...Object.values(tls).map(({ setting, shown }) => problemWith(setting, wrong, shown)))
  }
  if (trustAnchors === undefined) {
    return []
  }
  const hashAlgorithm = findHashAlgorithm(settings.hashAlgorithm ?? 'sha256') as HashAlgorithm
  const { policy } = settings
  return urls.map((url) => ({
    ...{ url, hashAlgorithm, trustAnchors },
    ...defined({ credentials, policy, tls: isPlain(url) ? undefined : listPaths(tls) }),
  }))
}

/** Reads the addresses. A wrong one is not quoted, since it can hold a password or an access key. */
function readUrls(texts: readonly string[], setting: string, problems: ConfigurationProblem[]): URL[] {
  const urls = texts.map((text, index) => {
    const which = texts.length > 1 ? `address ${index + 1} ` : ''
    const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined) {
      problems.push(problemWith(setting, `${which}is no http or https address`))
    } else if (url.username !== '' || url.password !== '') {
      const remedy = 'give them with TSA_USER and TSA_PASSWORD_FILE, or user and passwordFile of the signer'
      problems.push(problemWith(setting, `${which}has a user or a password in it; ${remedy}`))
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
  // Names under localhost lead to this machine (RFC 6761 6.3)
  return isPlain(url) && !isLoopback(url.hostname) && !url.hostname.endsWith('.localhost')
}

function describeExposure(setting: string, host: string): string {
  return `${setting}: ${host} is told user and password over plain http, which anybody on the way can read; use https`
}

function readCredentials(
  { user, password, passwordFile }: TimestampSettings,
  placeOf: PlaceOf,
  { problems, warnings }: Findings,
): Credentials | undefined {
  const place = placeOf('passwordFile')
  const file = describeSecretFile(place, passwordFile)
  const parse = (setting: string, content: Buffer | string, shown?: string) => {
    try {
      return readSecret(content)
    } catch (error) {
      problems.push(problemWith(setting, (error as Error).message, shown))
      return ''
    }
  }
  // Problems are reported at the start, although the file is read at each use
  const content = readGivenFile(file, problems)
  if (file !== undefined && content !== undefined) {
    parse(file.setting, content, file.shown)
    warnAboutMode(file, warnings)
  }
  if (password !== undefined && file !== undefined) {
    problems.push(problemWith(file.setting, 'is set beside TSA_PASSWORD; set one of the two', file.shown))
  }
  if (user === undefined) {
    if (password !== undefined || file !== undefined) {
      problems.push(problemWith(placeOf('user').setting, 'is required beside a password'))
    }
    return undefined
  }
  if (file !== undefined) {
    return { user, passwordFile: file.path }
  }
  if (password === undefined) {
    problems.push(problemWith(place.setting, 'is required beside a user'))
    return undefined
  }
  return { user, password: new Password(parse('TSA_PASSWORD', password)) }
}

/** Returns the certificates of a file; undefined if the file holds no self-signed one. */
function readTrustAnchors(
  file: GivenFile | undefined,
  findings: Findings,
): readonly X509Certificate[] | undefined {
  if (file === undefined) {
    return []
  }
  const certificates = readCertificateFile(file, findings)
  if (certificates?.some(isSelfSigned) === false) {
    const wrong = 'holds no self-signed certificate, which the root of the chain is; add it'
    findings.problems.push(problemWith(file.setting, wrong, file.shown))
    return undefined
  }
  return certificates
}

/** The files for TLS that are given. */
type GivenTlsFiles = { readonly [file in keyof TlsFiles]: GivenFile }

/** Describes the files for TLS. Their problems are reported at the start, although they are read at each use. */
function readTls({ tls = {} }: TimestampSettings, placeOf: PlaceOf, findings: Findings): GivenTlsFiles {
  const { problems, warnings } = findings
  const caFile = describeFile(placeOf('tls/caFile'), tls.caFile)
  const certificateFile = describeFile(placeOf('tls/certificateFile'), tls.certificateFile)
  const keyFile = describeSecretFile(placeOf('tls/keyFile'), tls.keyFile)
  // The files are read at each use, so that they need not be watched
  readTrustAnchors(caFile, { ...findings, files: new Map() })
  const cert = parseGivenFile(certificateFile, problems, parseOwnChain)
  const key = readGivenFile(keyFile, problems)
  if (keyFile !== undefined && key !== undefined) {
    warnAboutMode(keyFile, warnings)
  }
  if (certificateFile !== undefined && keyFile === undefined) {
    const wrong = `is required beside ${certificateFile.setting}`
    problems.push(problemWith(placeOf('tls/keyFile').setting, wrong))
  }
  if (keyFile !== undefined && certificateFile === undefined) {
    const wrong = `is required beside ${keyFile.setting}`
    problems.push(problemWith(placeOf('tls/certificateFile').setting, wrong))
  }
  if (keyFile !== undefined && certificateFile !== undefined && cert !== undefined && key !== undefined) {
    try {
      createSecureContext({ cert, key })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const wrong = `does not go with ${certificateFile.setting} for OpenSSL (${code})`
      problems.push(problemWith(keyFile.setting, wrong, keyFile.shown))
    }
  }
  return defined({ caFile, certificateFile, keyFile })
}

/** Returns the absolute paths of the files for TLS; undefined if there are none. */
function listPaths(files: GivenTlsFiles): TlsFiles | undefined {
  const paths = Object.entries(files).map(([name, { path }]) => [name, path])
  return paths.length === 0 ? undefined : Object.fromEntries(paths)
}
