/** `npm run docs`: writes those parts of the documentation that the sources have already. */
import { writeFileSync } from 'node:fs'
import { replacePart } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { describeAddresses, OPENAPI } from './api-description.ts'
import { AUDIT, describeRecords } from './audit-records.ts'
import { describeValues, describeValuesSchema, KUBERNETES, VALUES_SCHEMA } from './chart-values.ts'
import { COMMAND_LINE, describeOptions } from './command-options.ts'
import { DASHBOARD, describeDashboard } from './dashboard/dashboard.ts'
import { describeEnvironment } from './env-example.ts'
import { describeErrors, OPERATIONS } from './errors-table.ts'
import { describeSchema, SCHEMA_TABLES } from './schema-table.ts'

writeFileSync(repositoryPath('.env.example'), describeEnvironment())
writeFileSync(repositoryPath(VALUES_SCHEMA), describeValuesSchema())
write(KUBERNETES, 'values', describeValues())
writeFileSync(repositoryPath(OPENAPI), await describeAddresses())
writeFileSync(repositoryPath(DASHBOARD), describeDashboard())
write(COMMAND_LINE, 'options', describeOptions())
write(AUDIT, 'records', describeRecords())
write(OPERATIONS, 'errors', describeErrors())
for (const table of SCHEMA_TABLES) {
  write(table.page, table.part, describeSchema(table))
}

function write(page: string, part: string, paragraphs: readonly string[]): void {
  writeFileSync(repositoryPath(page), replacePart(readPage(page), part, paragraphs))
}
