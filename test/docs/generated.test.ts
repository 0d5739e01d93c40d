/** `npm run docs` has nothing to change. */
import { parseEnv } from 'node:util'
import t from 'tap'
import { replacePart } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { AUDIT, describeRecords } from './audit-records.ts'
import { COMMAND_LINE, describeOptions } from './command-options.ts'
import { DASHBOARD, describeDashboard } from './dashboard/dashboard.ts'
import { describeEnvironment, listVariables } from './env-example.ts'
import { describeSchema, SCHEMA_TABLES } from './schema-table.ts'

t.test('.env.example is that of the schema', async (t) => {
  t.equal(readPage('.env.example'), describeEnvironment())
})

t.test('.env.example gives each variable its value, once the # are gone', async (t) => {
  const set = parseEnv(readPage('.env.example').replaceAll(/^#(?=[A-Z_]+=)/gm, ''))
  t.strictSame({ ...set }, Object.fromEntries(listVariables().map(({ name, value }) => [name, value])))
})

t.test('the dashboard is that of its panels', async (t) => {
  t.equal(readPage(DASHBOARD), describeDashboard())
})

t.test('the options of the command line are those of the command', async (t) => {
  const page = readPage(COMMAND_LINE)
  t.equal(page, replacePart(page, 'options', describeOptions()))
})

t.test('the members of audit records are those of their schemas', async (t) => {
  const page = readPage(AUDIT)
  t.equal(page, replacePart(page, 'records', describeRecords()))
  t.notMatch(page, / \| {2}\|$/m)
})

for (const table of SCHEMA_TABLES) {
  t.test(`the ${table.part} in ${table.page} are those of the schema, and each is described`, async (t) => {
    const page = readPage(table.page)
    t.equal(page, replacePart(page, table.part, describeSchema(table)))
    t.notMatch(page, / \| {2}\|$/m)
  })
}
