/** Writes the table of the members of audit records from their schemas. */
import * as schemas from '../../schemas/audit-record.ts'
import { markdownTable } from '../support/markdown.ts'
import { listProperties } from './schema-table.ts'

export const AUDIT = 'docs/audit.md'

/** Returns the table: each member, the kinds of records that have it, and its meaning. */
export function describeRecords(): string[] {
  const rows = new Map<string, string[]>()
  for (const { properties } of schemas.AuditRecord.anyOf) {
    const { kind, ...others } = properties
    for (const [name, { description = '' }] of listProperties({ properties: others })) {
      const row = `\`${name}\` | ${description}`
      rows.set(row, [...(rows.get(row) ?? []), `\`${kind.const}\``])
    }
  }
  const cells = [...rows].map(([row, kinds]) => {
    const [name = '', meaning = ''] = row.split(' | ')
    return [name, kinds.length === schemas.AuditRecord.anyOf.length ? 'all' : kinds.join(', '), meaning]
  })
  return [markdownTable(['member', 'of the kind', 'meaning'], cells)]
}
