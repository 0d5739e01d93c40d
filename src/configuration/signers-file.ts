/** Reads the file that describes several signers. */
import type { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Environment } from '../../schemas/configuration.ts'
import { SignersFile } from '../../schemas/signers-file.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { parseJson } from '../common/json.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { readContainerVariables } from './container-variables.ts'
import type { FileEntry } from './file-entry.ts'
import { readFileSigner } from './file-signer.ts'
import { isReadable, readCertificateFile } from './files.ts'
import { describePath, type GivenPath } from './given-path.ts'
import { findPin } from './pin.ts'
import { problemWith } from './problem.ts'
import type { PinSource, RawSigning, SignersConfiguration } from './signer-configuration.ts'
import {
  describeExpected,
  findIntendedName,
  findSchemaProblems,
  placeInFile,
  type SchemaProblem,
} from './signers-file-schema.ts'
import { describeToken, requireLibrary } from './single-signer.ts'
import type { GivenVariables } from './variables.ts'

const MAX_BYTES = 1_048_576
/** Variables that describe the only signer if there is no file. */
const SINGLE_SIGNER_VARIABLES = [
  'HSM_KEY_LABEL',
  'HSM_KEY_ID',
  'SIGNER_CERTIFICATE_FILE',
  'CA_CERTIFICATES_FILE',
]

/**
 * Reads the signers of SIGNERS_FILE. Relative paths start in the folder of the file; the environment provides library,
 * token and PIN of signers that leave them out.
 *
 * @returns the signers, complete if no problem was found
 */
export function readSignersFile(
  given: GivenVariables,
  values: Partial<Environment>,
  hashAlgorithms: readonly HashAlgorithm[],
  problems: ConfigurationProblem[],
  warnings: string[],
): SignersConfiguration {
  const beside = 'is set beside SIGNERS_FILE, which says it of each signer; set one of the two'
  problems.push(
    ...SINGLE_SIGNER_VARIABLES.filter((name) => given[name] !== undefined).map((name) =>
      problemWith(name, beside, given[name]),
    ),
  )
  const file = describePath(values.SIGNERS_FILE as string)
  const files = new Set([file.path])
  const content = readContent(file, problems)
  if (content === undefined) {
    return { default: '', signers: [], files: [...files] }
  }
  const wrong = findSchemaProblems(content)
  problems.push(...wrong.map(({ variable, message }) => ({ variable, message })))
  const certificates = new Map<string, readonly X509Certificate[]>()
  // Signers may share a file, which is read once
  const readCertificates = (setting: string, named: GivenPath) => {
    const read = certificates.get(named.path) ?? readCertificateFile(setting, named, problems)
    files.add(named.path)
    if (read !== undefined) {
      certificates.set(named.path, read)
    }
    return read
  }
  const context = {
    folder: dirname(file.path),
    hashAlgorithms,
    rawSigning: values.RAW_SIGNING as RawSigning,
    token: describeToken(values),
    // Paths are made absolute like those of the file, since a token that is named in two ways would be opened twice
    library: once(() => {
      const library = requireLibrary(values, problems)
      return { ...library, module: resolve(library.module) }
    }),
    pin: once(() => absolute(findPin(given, problems, warnings))),
    containers: readContainerVariables(given, values, { readCertificates, problems, warnings }),
    readCertificates,
    problems,
    warnings,
  }
  return {
    default: findDefault(content, wrong, problems),
    signers: listEntries(content, wrong).map((entry) => readFileSigner(entry, context)),
    files: [...files],
  }
}

function readContent(file: GivenPath, problems: ConfigurationProblem[]): unknown {
  if (!isReadable('SIGNERS_FILE', file, problems)) {
    return undefined
  }
  const { path, shown } = file
  try {
    if (statSync(path).size > MAX_BYTES) {
      throw new Error(`is larger than ${MAX_BYTES} bytes`)
    }
    return parseJson(decode(readFileSync(path)))
  } catch (error) {
    problems.push(problemWith('SIGNERS_FILE', (error as Error).message, shown))
    return undefined
  }
}

/** Decodes UTF-8 without the byte order mark that some editors write. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('is not UTF-8')
  }
}

/** Lists the entries without properties that the schema does not allow, so that the others can still be checked. */
function listEntries(content: unknown, wrong: readonly SchemaProblem[]): FileEntry[] {
  return Object.entries(signersOf(content, wrong))
    .map(([name, entry]) => ({ name, entry, pointer: `/signers/${escapeName(name)}` }))
    .filter(({ pointer }) => wrong.every((problem) => problem.pointer !== pointer))
    .map(({ name, entry, pointer }) => {
      const within = wrong.filter((problem) => problem.pointer.startsWith(`${pointer}/`))
      const properties = new Set(within.map((problem) => problem.pointer.slice(pointer.length).split('/')[1]))
      const allowed = Object.entries(entry).filter(([property]) => !properties.has(property))
      return { ...Object.fromEntries(allowed), name, isValid: within.length === 0 }
    })
}

function signersOf(content: unknown, wrong: readonly SchemaProblem[]): SignersFile['signers'] {
  const useless = wrong.some(({ pointer }) => pointer === '' || pointer === '/signers')
  return useless ? {} : (content as SignersFile).signers
}

/** Escapes a name for a JSON pointer (RFC 6901 3). */
function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function findDefault(
  content: unknown,
  wrong: readonly SchemaProblem[],
  problems: ConfigurationProblem[],
): string | null {
  const names = Object.keys(signersOf(content, wrong))
  const [first = ''] = names
  if (first === '' || wrong.some(({ pointer }) => pointer === '/default')) {
    return ''
  }
  const { default: name = names.length === 1 ? first : undefined } = content as SignersFile
  if (name === null) {
    return null
  }
  if (name === undefined) {
    const expected = describeExpected(SignersFile.properties.default as object)
    problems.push(
      problemWith(placeInFile('/default'), `is required where there are several signers: ${expected}`),
    )
  } else if (!names.includes(name)) {
    const nearest = findIntendedName(name, names)
    const hint = nearest === undefined ? '' : `; ${nearest} is one`
    problems.push(problemWith(placeInFile('/default'), `names none of the signers${hint}`, name))
  }
  return name ?? ''
}

function absolute(pin: PinSource | undefined): PinSource {
  return pin !== undefined && 'file' in pin ? { file: resolve(pin.file) } : (pin as PinSource)
}

/** Calls `get` at most once, so that several signers do not report the same problem. */
function once<T>(get: () => T): () => T {
  let result: { readonly value: T } | undefined
  return () => {
    result ??= { value: get() }
    return result.value
  }
}
