/** Prometheus scrapes a service: the dashboard shows something everywhere, and alerts fire on what is broken. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DASHBOARD } from '../docs/dashboard/dashboard.ts'
import { issue } from '../support/certificates.ts'
import { readPage } from '../support/pages.ts'
import { findPort } from '../support/ports.ts'
import { hasPrometheus, startPrometheus } from '../support/prometheus.ts'
import { repositoryPath } from '../support/repository.ts'
import { scrape, typesOf } from '../support/scrape.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { startReadyService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { callWith, issueServer } from '../support/tls.ts'
import { ask, createMaterial, recording } from './material.ts'

if (!hasPrometheus()) {
  t.plan(0, 'docker/install-tools.sh prometheus installs it')
  process.exit()
}

const DAY_MS = 86_400_000
/** Panels that show nothing while all is well. */
const OF_FAULTS = ['Alerts', 'Failures by code']

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { faulty, authorities, longTerm, plainly } = await createMaterial(directory)
t.teardown(() => authorities.server.close())
const root = issue(directory, { subject: '/CN=Root', ca: true })
const { certificateFile, keyFile } = issueServer(directory, root)
const tls = callWith(root)
const { child, address, adminUrl } = await startReadyServerProcess(
  t,
  {
    ...longTerm(),
    ...recording(path('audit')),
    ...{ TLS_CERT_FILE: certificateFile, TLS_KEY_FILE: keyFile, ADMIN_PORT: '0' },
    ...{ RATE_LIMIT_PER_SIGNER: '100000', HSM_SESSIONS: '4' },
  },
  undefined,
  tls,
)
const prometheus = await startPrometheus(t, path('prometheus'), await findPort())
const target = (url: string) => new URL(url).host
const { panels } = JSON.parse(readPage(DASHBOARD)) as { panels: readonly Panel[] }

/** Asks what a panel asks. */
async function show({ targets = [] }: Panel) {
  const results = await Promise.all(
    targets.map(({ expr }) =>
      prometheus.query(
        expr
          .replaceAll('"$job"', '".+"')
          .replaceAll('"$instance"', '".+"')
          .replaceAll('$__rate_interval', '10s'),
      ),
    ),
  )
  return results.map((samples) => samples.filter(({ value }) => !Number.isNaN(value)))
}

/** Names of alerts that fire, with the severity. */
async function firing(): Promise<string[]> {
  const samples = await prometheus.query('ALERTS{alertstate="firing"}')
  return samples.map(({ labels }) => `${labels.alertname?.replace('SigningService', '')} ${labels.severity}`)
}

async function untilFires(alert: string): Promise<void> {
  await until(`${alert} fires`, async () => (await firing()).includes(alert))
}

/** Callers, until they are told to stop. */
let isAsking = true
const asking = (async () => {
  while (isAsking) {
    await ask({ url: address, tls }).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})()
t.teardown(async () => {
  isAsking = false
  await asking
})

t.test('Prometheus knows nobody yet', async (t) => {
  await untilFires('Missing critical')
  t.same(await firing(), ['Missing critical'])
  prometheus.scrapes(target(adminUrl()))
  await until('it knows one', async () => !(await firing()).includes('Missing critical'))
})

t.test('each panel of the dashboard shows something', async (t) => {
  for (const panel of panels.filter(({ title }) => !OF_FAULTS.includes(title))) {
    const { title, targets = [] } = panel
    await until(`${title} shows something`, async () => {
      return (await show(panel)).every((samples) => samples.length > 0)
    })
    t.pass(`${title}: ${targets.length}`)
  }
})

t.test('nothing fires while all is well', async (t) => {
  await until('it was seen for a while', async () => {
    const [seen] = await prometheus.query('sum(count_over_time(up[1h]))')
    return (seen?.value ?? 0) > 15
  })
  t.same(await prometheus.query('last_over_time(ALERTS{alertname!~".*Missing",alertstate="firing"}[1h])'), [])
})

t.test('rules, dashboard and pages are about metrics that there are', async (t) => {
  const { text } = await scrape(adminUrl())
  const names = typesOf(text)
  const files = ['docker/monitoring/alerts.yaml', DASHBOARD, 'docs/operations.md', 'docs/runbook.md']
  for (const file of [...files, 'docs/audit.md', 'docs/document-engine.md', 'docs/replicas.md']) {
    // Names of recording rules have a colon at both ends
    const used = readFileSync(repositoryPath(file), 'utf8').match(
      /(?<![:\w])(signing_service|process|nodejs)_[a-z0-9_]+/g,
    )
    for (const name of new Set(used)) {
      // The series of a histogram have names of their own
      const family = name.replace(/_(bucket|count|sum)$/, '')
      t.ok(names.has(name) || names.has(family) || /_$/.test(name), `${file}: ${name}`)
    }
  }
})

t.test('alerts fire on what is broken', async (t) => {
  const notAfter = new Date(Date.now() + 2 * DAY_MS)
  const short = await startReadyService(t, { ...plainly(), ...longTerm({ notAfter }), LEVEL: 'b-b' })
  prometheus.scrapes(target(adminUrl()), target(short.url))
  authorities.server.on('/timestamp', (_, response) => {
    response.statusCode = 503
    return Buffer.of()
  })
  await untilFires('CertificateExpires critical')
  await untilFires('TimestampAuthorityAway warning')
  await untilFires('RequestsFail critical')
  const [failing] = await prometheus.query(
    'ALERTS{alertname="SigningServiceRequestsFail",alertstate="firing"}',
  )
  t.match(failing?.labels, { code: 'TIMESTAMP_UNAVAILABLE', status_code: '503' })
  for (const panel of panels.filter(({ title }) => OF_FAULTS.includes(title))) {
    t.ok(
      (await show(panel)).every((samples) => samples.length > 0),
      panel.title,
    )
  }
  faulty.plan('C_Sign delay 1500')
  t.teardown(() => faulty.plan())
  await untilFires('HsmSlow warning')
  t.notOk((await firing()).some((alert) => alert.startsWith('Down')))
  child.kill('SIGKILL')
  await untilFires('Down critical')
})
