/** Warnings of the certificate's end, by an injected clock. */
import { mock } from 'node:test'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { loadTls } from '../../src/configuration/load.ts'
import type { TlsConfiguration } from '../../src/configuration/tls.ts'
import { connections } from '../../src/plugins/connections.ts'
import { createServerOptions, tls } from '../../src/plugins/tls.ts'
import { issue } from '../support/certificates.ts'
import { issueServer, placeFiles } from '../support/tls.ts'

const DAY_MS = 86_400_000

t.test('it is warned about 30, 14 and 7 days before its end, and an error afterwards', async (t) => {
  const directory = t.testdir()
  const root = issue(directory, {
    subject: '/CN=Root',
    ca: true,
    notAfter: new Date(Date.now() + 900 * DAY_MS),
  })
  const days = (count: number) => new Date(Date.now() + count * DAY_MS + 3_600_000)
  const files = placeFiles(directory, issueServer(directory, root, { notAfter: days(31) }))
  const renewed = issueServer(directory, root, { notAfter: days(400) })
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const load = () => loadTls(files.environment)
  const configuration = load().tls as TlsConfiguration
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const app = Fastify({ ...({ https: createServerOptions(configuration) } as object) })
  const registry = new Registry()
  await app.register(connections, { limit: 16, closeMs: 1_000, registry, log })
  await app.register(tls, { configuration, intervalMs: 0, load, registry, log })
  await app.ready()
  t.teardown(() => app.close())
  const said = () =>
    lines
      .splice(0)
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg.startsWith('TLS: '))
      .map(({ level, msg }) => [level, msg])
  const daysLeft = async () => {
    const metric = await registry.getSingleMetric('signing_service_tls_certificate_days_left')?.get()
    return Math.floor(metric?.values[0]?.value as number)
  }
  t.strictSame(said(), [])
  t.equal(await daysLeft(), 31)
  for (const [passing, level, text] of [
    [2, 40, / expires within 30 days, /],
    [16, 40, / expires within 14 days, /],
    [8, 40, / expires within 7 days, /],
    [6, 50, / expired at /],
  ] as const) {
    mock.timers.tick(passing * DAY_MS)
    t.match(said(), [[level, text]], 'said once')
  }
  t.equal(await daysLeft(), -1)
  files.putCertificate(renewed)
  files.putKey(renewed)
  app.reloadTls?.()
  mock.timers.tick(DAY_MS)
  t.strictSame(said(), [])
  t.equal(await daysLeft(), 367)
})
