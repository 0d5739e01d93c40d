/** The tables of the documentation say what the sources say. */
import type { FastifyErrorConstructor } from '@fastify/error'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { Environment } from '../../schemas/configuration.ts'
import { parsePkcs11Uri } from '../../src/configuration/pkcs11-uri.ts'
import { findSchemaProblems } from '../../src/configuration/signers-file-schema.ts'
import * as errors from '../../src/errors.ts'
import { createAuditMetrics, registerAuditGauges } from '../../src/metrics/audit-metrics.ts'
import {
  createPoolMetrics,
  createReloadMetrics,
  createRevocationMetrics,
  createTimestampMetrics,
} from '../../src/metrics/event-metrics.ts'
import { processMetrics } from '../../src/metrics/process-metrics.ts'
import { registerRevocationGauges, registerSignerGauges } from '../../src/metrics/signer-gauges.ts'
import { registerTlsGauges } from '../../src/metrics/tls-gauges.ts'
import { bodyBudget } from '../../src/plugins/body-budget.ts'
import { connections } from '../../src/plugins/connections.ts'
import { errorReply } from '../../src/plugins/error-reply.ts'
import { httpDefaults } from '../../src/plugins/http-defaults.ts'
import { requestMetrics } from '../../src/plugins/metrics.ts'
import { rateLimits } from '../../src/plugins/rate-limits.ts'
import { LineLimit, requestLog } from '../../src/plugins/request-log.ts'
import { LOG_FIELDS } from '../support/log-lines.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readChapter, readPage } from '../support/pages.ts'
import { COMMAND_LINE, documentedProgram } from './command-options.ts'

/** Maps the first cell to the second one, of the rows whose first cell is one name in code. */
function readTable(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^\| `([A-Z0-9_]+|signing_service_[a-z_]+(?:\{[a-z_,]+\})?)` \| ([^|]*?) ?\|/gm)].map(
      ([, name = '', value = '']) => [name, value],
    ),
  )
}

t.test('a variable without a default has none in the table either', async (t) => {
  const table = readTable(readChapter('docs/configuration.md', 'Variables'))
  for (const [name, schema] of Object.entries<object>(Environment.properties)) {
    if (!('default' in schema)) {
      t.notMatch(table.get(name), /^`/, name)
    }
  }
})

t.test('the example of a signers file is one', async (t) => {
  const [example = ''] = codeBlocks(readPage('docs/signers.md'), 'json')
  const content = JSON.parse(example)
  t.strictSame(findSchemaProblems(content), [])
  t.same(parsePkcs11Uri(content.signers.contracts.key).key, { label: 'contracts', id: '01a2' })
})

t.test('every error code is in the table of the errors, with its status', async (t) => {
  const table = readTable(readChapter('docs/operations.md', 'Errors'))
  const documented = Object.fromEntries([...table].map(([code, status]) => [code, Number(status)]))
  t.same(documented, Object.fromEntries(replies().map(({ code, statusCode }) => [code, statusCode])))
})

t.test('every error code is in the runbook', async (t) => {
  const table = readTable(readChapter('docs/runbook.md', 'Errors by code'))
  t.same([...table.keys()].sort(), [...new Set(replies().map(({ code }) => code))].sort())
})

t.test('every alert is in the runbook, where its address leads', async (t) => {
  const rules = readPage('docker/monitoring/alerts.yaml')
    .split(/^ +- alert: /m)
    .slice(1)
  const alerts = rules.map((rule) => ({
    name: /^\w+/.exec(rule)?.[0],
    summary: /summary: "(.+)"$/m.exec(rule)?.[1],
    description: /description: "(.+)"$/m.exec(rule)?.[1],
    address: /runbook_url: (.+)$/m.exec(rule)?.[1],
  }))
  for (const { name = '', summary, description, address } of alerts) {
    t.ok(summary && description, name)
    t.equal(address, `docs/runbook.md#${name.toLowerCase()}`)
  }
  const entries = readChapter('docs/runbook.md', 'Alerts').split(/^### /m).slice(1)
  t.same(
    entries.map((entry) => /^\w+/.exec(entry)?.[0]),
    [...new Set(alerts.map(({ name }) => name))],
  )
  for (const entry of entries) {
    const parts = [...entry.matchAll(/^- \*\*(\w+):\*\*/gm)].map(([, part]) => part)
    t.same(parts, ['Means', 'Look', 'Do', 'Wake'], /^\w+/.exec(entry)?.[0] ?? '')
  }
})

t.test('every error is exported under its code', async (t) => {
  for (const { exported, code } of replies()) {
    t.equal(exported, code)
  }
})

t.test('every metric is in the table of the metrics, with its labels and type', async (t) => {
  t.same(
    Object.fromEntries(readTable(readChapter('docs/operations.md', 'Metrics'))),
    Object.fromEntries(await metrics()),
  )
})

/** Field sets of the Elastic Common Schema 9.1, and its fields without one; a value of our own under such a name is refused. */
const ECS =
  '@timestamp labels message tags agent as client cloud code_signature container data_stream destination device dll dns ' +
  'ecs elf email error event faas file gen_ai geo group hash host http interface log macho network observer ' +
  'orchestrator organization os package pe process registry related risk rule server service source span threat tls ' +
  'trace transaction url user user_agent vlan volume vulnerability x509'

t.test('no field of the log has the name of an ECS field set', async (t) => {
  t.ok(LOG_FIELDS.size > 30)
  t.same(
    ECS.split(' ').filter((name) => LOG_FIELDS.has(name)),
    [],
  )
})

t.test('every command is in the page about the command line', async (t) => {
  const page = readPage(COMMAND_LINE)
  for (const command of documentedProgram().commands) {
    t.match(page, `\n| \`${command.name()}\` | `)
  }
})

/** Type of our own metrics by name and labels, as `name{label,label}`. */
async function metrics(): Promise<Map<string, string>> {
  const registry = new Registry()
  const app = Fastify()
  const log = pino({ level: 'silent' })
  await app.register(httpDefaults)
  await app.register(connections, { limit: 1, closeMs: 1_000, registry, log })
  await app.register(bodyBudget, { registry })
  const lines = new LineLimit(log)
  await app.register(requestLog, { lines })
  await app.register(errorReply, { lines })
  await app.register(requestMetrics, { registry })
  createPoolMetrics(registry)
  createReloadMetrics(registry)
  createTimestampMetrics(registry)
  createRevocationMetrics(registry)
  registerRevocationGauges(registry, { all: () => [] }, 3_600_000)
  registerTlsGauges(registry, () => new Date())
  createAuditMetrics(registry)
  const recording = { problem: undefined, checkpointAge: 0, checkpointInterval: 0, freeBytes: 0 }
  registerAuditGauges(registry, recording)
  registerSignerGauges(
    registry,
    { all: () => [], pools: () => new Map() },
    { check: () => [] },
    { queueLimit: 1, timeoutMs: 1 },
  )
  await app.register(rateLimits, { registry })
  return new Map(
    Registry.merge([registry, processMetrics()])
      .getMetricsAsArray()
      .filter(({ name }) => !/^(process|nodejs)_/.test(name))
      .map((metric) => {
        // The type that prom-client declares lacks both
        const { name, type, labelNames } = metric as unknown as Record<'name' | 'type', string> & {
          labelNames: string[]
        }
        return [labelNames.length === 0 ? name : `${name}{${labelNames}}`, type]
      }),
  )
}

/** All that are answered to requests: those that `createError` made. */
function replies() {
  return Object.entries(errors).flatMap(([exported, value]) => {
    if (!isErrorClass(value) || value === errors.ConfigurationError) {
      return []
    }
    const { code, statusCode } = new (value as FastifyErrorConstructor)()
    return [{ exported, code, statusCode }]
  })
}

/** Rather than one of the functions that throw them. */
function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error
}
