/** Reads the file that describes several signers. */
import { dirname } from 'node:path'
import type { Environment } from '../../schemas/configuration.ts'
import { SignersFile } from '../../schemas/signers-file.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { describeFile, type GivenFile, noteFile, parseGivenFile, parseJsonFile } from './files.ts'
import { type Findings, problemWith } from './problem.ts'
import { type FileEntry, fromEntry, fromVariables, type SignerDocument } from './signer-document.ts'
import {
  describeExpected,
  findIntendedName,
  findSchemaProblems,
  placeInFile,
  type SchemaProblem,
} from './signers-file-schema.ts'

const MAX_BYTES = 1_048_576

/** The signers that a signers file describes, or the only one, which variables do. */
export interface SignerDocuments {
  /** Name of the signer for requests that name none; null if each request has to name one. */
  readonly default: string | null
  readonly documents: readonly SignerDocument[]
  /** The document that the environment gives: the only signer, or the defaults of those of a file. */
  readonly environment: SignerDocument
}

/**
 * Reads the signers of SIGNERS_FILE. The environment provides what they leave out.
 *
 * @returns the documents of the signers, complete if no problem was found
 */
export function readSignersFile(
  values: Partial<Environment>,
  { problems, files }: Findings,
): SignerDocuments {
  const { HSM_KEY_LABEL, HSM_KEY_ID, SIGNER_CERTIFICATE_FILE, CA_CERTIFICATES_FILE, ...rest } = values
  const ofOneSigner = { HSM_KEY_LABEL, HSM_KEY_ID, SIGNER_CERTIFICATE_FILE, CA_CERTIFICATES_FILE }
  for (const [name, value] of Object.entries(ofOneSigner)) {
    if (value !== undefined) {
      const wrong = 'is set beside SIGNERS_FILE, which says it of each signer; set one of the two'
      problems.push(problemWith(name, wrong, value))
    }
  }
  const file = describeFile({ setting: 'SIGNERS_FILE', folder: '' }, values.SIGNERS_FILE) as GivenFile
  noteFile(files, file)
  const content = parseGivenFile(file, problems, parseJsonFile, MAX_BYTES)
  const wrong = content === undefined ? [] : findSchemaProblems(content)
  problems.push(...wrong.map(({ variable, message }) => ({ variable, message })))
  const environment = fromVariables(rest, problems)
  if (content === undefined) {
    return { default: '', documents: [], environment }
  }
  return {
    environment,
    default: findDefault(content, wrong, problems),
    documents: listEntries(content, wrong).map((entry) =>
      fromEntry(entry, dirname(file.path), environment, problems),
    ),
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
