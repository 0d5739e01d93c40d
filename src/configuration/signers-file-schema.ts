/** Checks the signers file, and other files of the configuration, with their schemas, and describes the problems in words. */
import { Errors } from 'typebox/schema'
import { Settings } from 'typebox/system'
import { SignersFile } from '../../schemas/signers-file.ts'
import { findNearest } from '../common/edit-distance.ts'
import { describeValue } from '../common/quote.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { describeValues, type Schema } from './problem.ts'

// The default limit of 8 errors is too low for a file with many signers
Settings.Set({ maxErrors: 10_000 })

/** Part of the letters in which a name may differ from the one that was meant. */
const MAX_WRONG = 0.4

export interface SchemaProblem extends ConfigurationProblem {
  /** JSON pointer (RFC 6901) to the property that is wrong or missing, or to the list that has a wrong item. */
  readonly pointer: string
}

/** A file of the configuration: its schema, and the variable that names it. */
interface DescribedFile {
  readonly schema: object
  readonly variable: string
}

const SIGNERS_FILE: DescribedFile = { schema: SignersFile, variable: 'SIGNERS_FILE' }

/** Returns at most one problem for each place in the file. */
export function findSchemaProblems(content: unknown, file = SIGNERS_FILE): SchemaProblem[] {
  const [, errors] = Errors(file.schema as typeof SignersFile, content)
  const schemaAt = (path: readonly string[]) =>
    path.reduce((schema, name) => Reflect.get(schema, name), file.schema) as Schema
  const problemAt = (pointer: string, wrong: string, value?: string): SchemaProblem => {
    return { pointer, variable: placeInFile(pointer, file.variable), message: describeValue(value, wrong) }
  }
  const problems = errors.flatMap((error) => {
    const { keyword, instancePath, schemaPath } = error
    const path = schemaPath.split('/').slice(1)
    switch (keyword) {
      case 'additionalProperties':
        // Each of the properties is also reported by itself, as the next keyword
        return []
      case 'boolean':
        return [problemAt(instancePath, describeUnknown(lastName(instancePath), schemaAt(path.slice(0, -1))))]
      case 'required':
        return error.params.requiredProperties.map((name) =>
          problemAt(
            `${instancePath}/${name}`,
            `is required: ${describeExpected(schemaAt([...path, 'properties', name]))}`,
          ),
        )
      default: {
        const ofItem = path.at(-1) === 'items'
        const place = ofItem ? instancePath.replace(/\/\d+$/, '') : instancePath
        const schema = schemaAt(ofItem ? path.slice(0, -1) : path)
        const wrong = `is not valid: ${describeExpected(schema)}`
        return [problemAt(place, wrong, findShown(content, instancePath, schemaAt(path)))]
      }
    }
  })
  return [...new Map(problems.map((problem) => [problem.pointer, problem])).values()]
}

/** Returns the name of a place in the file, for messages. */
export function placeInFile(pointer: string, variable = SIGNERS_FILE.variable): string {
  // The pointer is escaped as in a JSON string (RFC 6901 5), since a name may hold line ends
  return pointer === '' ? variable : `${variable} ${JSON.stringify(pointer).slice(1, -1)}`
}

/** Properties whose values can hold a secret, also by mistake. */
const SECRET: ReadonlySet<string> = new Set([
  ...['key', 'moduleParameters', 'pinFile', 'pinSecretId', 'slot'],
  ...['url', 'user', 'passwordFile'],
  ...['tokenId', 'check', 'salt', 'hash'],
])

/** Returns the value at a place for messages; undefined for objects, lists and values that may be secret. */
function findShown(content: unknown, pointer: string, schema: Schema): string | undefined {
  const names = pointer.split('/').slice(1).map(unescapeName)
  const property = names.findLast((name) => !/^\d+$/.test(name))
  const value = names.reduce((parent, name) => Reflect.get(parent as object, name), content)
  const isShown = schema.properties === undefined && typeof value !== 'object' && !SECRET.has(`${property}`)
  return isShown ? `${value}` : undefined
}

function lastName(pointer: string): string {
  return unescapeName(pointer.slice(pointer.lastIndexOf('/') + 1))
}

/** Decodes a name in a JSON pointer (RFC 6901 4). */
function unescapeName(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~')
}

function describeUnknown(name: string, parent: Schema): string {
  if (parent.properties === undefined) {
    return `is no name of a signer: ${parent.description}`
  }
  const known = Object.keys(parent.properties)
  const nearest = findIntendedName(name, known)
  return `is not known here; ${nearest === undefined ? `${known.join(', ')} are` : `${nearest} is`}`
}

/** Returns the known name that was probably meant. */
export function findIntendedName(name: string, known: readonly string[]): string | undefined {
  return findNearest(name, known, name.length * MAX_WRONG)
}

/** Describes the values that the schema allows, with an example. */
export function describeExpected(schema: Schema): string {
  const list = schema.type === 'array' ? [describeList(schema)] : []
  const example = `for example ${JSON.stringify(schema.examples?.[0])}`
  return [...describeValues(schema), ...list, example].join(', ')
}

function describeList({ items, maxItems, uniqueItems }: Schema): string {
  const count = maxItems === undefined ? 'one or more' : `1 to ${maxItems}`
  const ofWhich = items?.enum === undefined ? '' : ` of ${items.enum.join(', ')}`
  return `a list of ${count}${ofWhich}${uniqueItems === true ? ', each once' : ''}`
}
