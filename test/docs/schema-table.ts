/**
 * Writes the tables of variables and properties: names, defaults and values come from the schemas, and the last cell of each
 * row, like a default in words, is kept as it stands in the page.
 */
import { Environment } from '../../schemas/configuration.ts'
import { SignerEntry } from '../../schemas/signers-file.ts'
import { markdownTable } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'

/** A table in a page, between `<!-- part:begin -->` and `<!-- part:end -->`. */
export interface SchemaTable {
  readonly page: string
  readonly part: string
  /** Heading of the names. */
  readonly heading: string
  readonly schema: Schema
}

interface Schema {
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: object
  readonly properties?: object
}

export const SCHEMA_TABLES: readonly SchemaTable[] = [
  { page: 'docs/configuration.md', part: 'variables', heading: 'variable', schema: Environment },
  { page: 'docs/signers.md', part: 'properties', heading: 'property of a signer', schema: SignerEntry },
]

/** Returns the table as it is to be; the row of a new name says what the schema says. */
export function describeSchema({ page, heading, schema }: SchemaTable): string[] {
  const text = readPage(page)
  const rows = listProperties(schema).map(([name, property]) => {
    const [initially = 'none', meaning = property.description ?? ''] = keptCells(text, name)
    const byDefault = property.default === undefined ? initially : `\`${property.default}\``
    return [`\`${name}\``, byDefault, describeValues(property), meaning]
  })
  return [markdownTable([heading, 'default', 'values', 'meaning'], rows)]
}

/** Returns the properties of a schema by name, each before those within it, which are named as `token.label`. */
export function listProperties({ properties = {} }: Schema): [name: string, schema: Schema][] {
  return Object.entries<Schema>({ ...properties }).flatMap(([name, schema]): [string, Schema][] => [
    [name, schema],
    ...listProperties(schema).map(([inner, one]): [string, Schema] => [`${name}.${inner}`, one]),
  ])
}

/** Returns the second and the last cell of a row, if there is one. */
function keptCells(text: string, name: string): string[] {
  const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
  const [initially, ...others] = row?.split('|').slice(2, -1) ?? []
  return [initially, others.at(-1)].flatMap((cell) => cell?.trim() ?? [])
}

function describeValues(schema: Schema): string {
  const { enum: choices, minimum, maximum = 0, items } = schema
  if (choices !== undefined) {
    return choices.map((choice) => `\`${choice}\``).join(', ')
  }
  if (minimum === undefined) {
    return items === undefined ? '' : describeValues(items)
  }
  // The largest number stands for any
  return maximum === Number.MAX_SAFE_INTEGER
    ? `${minimum} or more`
    : [minimum, maximum].map((limit) => limit.toLocaleString('en')).join(' to ')
}
