/** `npm run docs` has nothing to change. */
import { parseEnv } from 'node:util'
import t from 'tap'
import { replacePart } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { describeAddresses, OPENAPI } from './api-description.ts'
import { AUDIT, describeRecords } from './audit-records.ts'
import { describeValues, describeValuesSchema, KUBERNETES, VALUES_SCHEMA } from './chart-values.ts'
import { COMMAND_LINE, describeOptions } from './command-options.ts'
import { DASHBOARD, describeDashboard } from './dashboard/dashboard.ts'
import { describeEnvironment, listVariables } from './env-example.ts'
import { describeErrors, OPERATIONS } from './errors-table.ts'
import { describeSchema, SCHEMA_TABLES } from './schema-table.ts'

t.test('.env.example is that of the schema', async (t) => {
  t.equal(readPage('.env.example'), describeEnvironment())
})

t.test(`${OPENAPI} is what a service describes that has all addresses`, async (t) => {
  t.equal(readPage(OPENAPI), await describeAddresses())
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

t.test(
  'the values of the chart are those of its values.yaml, and their schema has the settings',
  async (t) => {
    const page = readPage(KUBERNETES)
    t.equal(page, replacePart(page, 'values', describeValues()))
    t.equal(readPage(VALUES_SCHEMA), describeValuesSchema())
  },
)

t.test('the errors are those of the sources, with the advice on each', async (t) => {
  const page = readPage(OPERATIONS)
  t.equal(page, replacePart(page, 'errors', describeErrors()))
})

for (const table of SCHEMA_TABLES) {
  t.test(`the ${table.part} in ${table.page} are those of the schema, and each is described`, async (t) => {
    const page = readPage(table.page)
    t.equal(page, replacePart(page, table.part, describeSchema(table)))
    t.notMatch(page, / \| {2}\|$/m)
  })
}
