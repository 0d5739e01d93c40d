/** The tables of the README say what the sources say. */
import { readFileSync } from 'node:fs'
import type { FastifyErrorConstructor } from '@fastify/error'
import t from 'tap'
import { Environment } from '../schemas/configuration.ts'
import * as errors from '../src/errors.ts'
import { repositoryPath } from './support/repository.ts'

const readme = readFileSync(repositoryPath('README.md'), 'utf8')

/** First cell to second cell of the rows whose first cell is one name in code, under a heading. */
function tableUnder(heading: string): Map<string, string> {
  const [, section = ''] = readme.split(`\n## ${heading}\n`)
  const [own = ''] = section.split('\n## ')
  return new Map(
    [...own.matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]*?) ?\|/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
}

t.test('every variable is in the table of the configuration, with its default', async (t) => {
  const table = tableUnder('Configuration')
  const variables = Object.entries<object>(Environment.properties)
  t.strictSame([...table.keys()].sort(), variables.map(([name]) => name).sort())
  for (const [name, schema] of variables) {
    if ('default' in schema) {
      t.equal(table.get(name), `\`${schema.default}\``, name)
    } else if (Environment.required.some((required) => required === name)) {
      t.equal(table.get(name), 'required', name)
    } else {
      t.notMatch(table.get(name), /^`/, `${name} has no default of its own`)
    }
  }
})

t.test('every error code is in the table of the errors, with its status', async (t) => {
  const table = tableUnder('Errors')
  const documented = Object.fromEntries([...table].map(([code, status]) => [code, Number(status)]))
  t.same(documented, Object.fromEntries(replies().map(({ code, statusCode }) => [code, statusCode])))
})

t.test('every error is exported under its code', async (t) => {
  for (const { exported, code } of replies()) {
    t.equal(exported, code)
  }
})

/** All that are answered to requests: those that `createError` made. */
function replies() {
  return Object.entries(errors).flatMap(([exported, value]) => {
    if (typeof value !== 'function' || value === errors.ConfigurationError) {
      return []
    }
    const { code, statusCode } = new (value as FastifyErrorConstructor)()
    return [{ exported, code, statusCode }]
  })
}
