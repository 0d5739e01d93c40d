/** The alerts of docker/monitoring/alerts.yaml, by what a service tells while something is broken. */
import { execFileSync, spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { globalAgent } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { issue } from '../support/certificates.ts'
import { createFaultyDisk } from '../support/faulty-disk/faulty-disk.ts'
import { findPort } from '../support/ports.ts'
import { childrenOf } from '../support/process-figures.ts'
import { programPath } from '../support/programs.ts'
import { afterReload } from '../support/reload.ts'
import { repositoryPath } from '../support/repository.ts'
import { type Scrape, scrape } from '../support/scrape.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { type Service, startReadyService, startService, waitUntilReady } from '../support/service.ts'
import { allIdle, hsmStatus, until } from '../support/signing.ts'
import { callWith, issueServer } from '../support/tls.ts'
import { hasPromtool, judgeAlerts, type Observation } from '../support/validators/promtool.ts'
import { ask, CONTAINER_REQUEST, createMaterial, recording } from './material.ts'

const RULES = repositoryPath('docker/monitoring/alerts.yaml')
const SERVER = programPath('server')
const alertNames = new Set(
  [...readFileSync(RULES, 'utf8').matchAll(/alert: (\w+)/g)].map(([, name]) => `${name}`),
)
const skip = !(await hasPromtool()) && 'docker/install-tools.sh prometheus installs promtool'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const HOUR_MINUTES = 60
const SHED = 'signing_service_http_connections_shed_total{reason="idle"}'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { faulty, authorities, longTerm, plainly } = await createMaterial(directory)
t.teardown(() => authorities.server.close())

/** Two scrapes, between which callers ask. */
async function observe(service: Pick<Service, 'url'>): Promise<Scrape[]> {
  const before = await scrape(service.url)
  await ask(service)
  return [before, await scrape(service.url)]
}

/** Alerts that have fired. */
const fired = new Set<string>()

/** Fails unless these alerts fire, and no others. */
async function fire(t: Test, observed: readonly Scrape[] | Observation, ...alerts: string[]): Promise<void> {
  const observation: Observation = 'scrapes' in observed ? observed : { scrapes: observed, up: 1 }
  const names = alerts.map((name) => `SigningService${name}`)
  const { valid, message } = await judgeAlerts(RULES, observation, names)
  t.ok(valid, message)
  for (const name of names) {
    fired.add(name)
  }
}

async function startLongTerm(t: Test, more: Record<string, string> = {}): Promise<Service> {
  const service = await startReadyService(t, { ...longTerm(), ...more })
  await ask(service)
  return service
}

t.test('alerts', { skip }, async (t) => {
  t.test('none fires while all is well', async (t) => {
    const service = await startLongTerm(t, recording(path('well')))
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    await fire(t, await observe(service))
  })

  t.test('nor at a signer whose certificates name nobody to ask', async (t) => {
    const service = await startReadyService(t, faulty.environment)
    await ask(service)
    await fire(t, await observe(service))
  })

  t.test('the service does not answer', async (t) => {
    await fire(t, { scrapes: [], up: 0 }, 'Down')
  })

  t.test('Prometheus knows no service', async (t) => {
    await fire(t, { scrapes: [], up: undefined }, 'Missing')
  })

  t.test('the HSM is away', async (t) => {
    const service = await startLongTerm(t)
    const healthy = await observe(service)
    faulty.plan('* absent')
    t.teardown(() => faulty.plan())
    await until('it is missed', async () => (await hsmStatus(service.url)).state === 'unavailable')
    const scrapes = [...healthy, ...(await observe(service))]
    await fire(t, scrapes, 'TokenNotReady', 'SignerNotReady', 'RequestsFail')
  })

  t.test('records cannot be written', async (t) => {
    const service = await startLongTerm(t, recording(path('removed')))
    const healthy = await observe(service)
    rmSync(path('removed'), { recursive: true })
    const scrapes = [...healthy, ...(await observe(service)), ...(await observe(service))]
    await fire(t, scrapes, 'AuditUnavailable', 'RequestsFail')
  })

  t.test('the disk of the records is slow', async (t) => {
    const disk = await createFaultyDisk(directory)
    disk.plan()
    const variables = { ...longTerm(), ...recording(path('slow')), ...disk.environment }
    const { address: url } = await startReadyServerProcess(t, variables)
    await ask({ url })
    disk.plan('delay 1500')
    await fire(t, await observe({ url }), 'AuditSlow')
  })

  t.test('the disk of the records is nearly full', async (t) => {
    const folder = path('small')
    const variables = recording(folder)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
    } catch {
      t.pass('a disk cannot be mounted here')
      return
    }
    t.teardown(() => execFileSync('umount', ['--lazy', folder]))
    const service = await startLongTerm(t, variables)
    await fire(t, await observe(service), 'AuditDiskFills')
  })

  t.test('records are not signed', async (t) => {
    const service = await startLongTerm(t, { ...recording(path('unsigned')), AUDIT_CHECKPOINT_SECONDS: '1' })
    const healthy = await observe(service)
    faulty.plan('* absent')
    t.teardown(() => faulty.plan())
    await until('a checkpoint is missed', async () => {
      await ask(service)
      return (
        ((await scrape(service.url)).samples.get('signing_service_audit_checkpoint_age_seconds') ?? 0) > 3
      )
    })
    const scrapes = [...healthy, ...(await observe(service))]
    await fire(t, scrapes, 'TokenNotReady', 'SignerNotReady', 'RequestsFail', 'AuditCheckpointOverdue')
  })

  t.test('the PIN is refused', async (t) => {
    writeFileSync(path('wrong-pin'), 'wrong-4711')
    const service = await startService(t, { ...longTerm(), HSM_PIN_FILE: path('wrong-pin') })
    await until('it is refused', async () => (await hsmStatus(service.url)).state === 'pin refused')
    await fire(t, await observe(service), 'TokenNotReady', 'SignerNotReady', 'RequestsFail')
  })

  t.test('the key is gone', async (t) => {
    const service = await startLongTerm(t)
    const healthy = await observe(service)
    faulty.plan('C_FindObjects find-nothing', 'C_SignInit return CKR_KEY_HANDLE_INVALID')
    t.teardown(() => faulty.plan())
    await until('it is missed', async () => (await hsmStatus(service.url)).state !== 'ready')
    const scrapes = [...healthy, ...(await observe(service))]
    await fire(t, scrapes, 'TokenNotReady', 'SignerNotReady', 'RequestsFail')
  })

  t.test('the certificate has expired', async (t) => {
    const [notBefore, notAfter] = [new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS)]
    const service = await startService(t, longTerm({ notBefore, notAfter }))
    await until('the token is ready', async () => (await hsmStatus(service.url)).state === 'ready')
    await fire(t, await observe(service), 'SignerNotReady', 'RequestsFail', 'CertificateExpires')
  })

  t.test('the certificate expires in ten days', async (t) => {
    const notAfter = new Date(Date.now() + 10 * DAY_MS)
    const service = await startReadyService(t, longTerm({ notAfter }))
    await ask(service)
    await fire(t, await observe(service), 'CertificateExpires')
  })

  t.test('the certificate for TLS expires', async (t) => {
    const root = issue(directory, { subject: '/CN=Root', ca: true })
    const notAfter = new Date(Date.now() + 13 * DAY_MS)
    const { certificateFile, keyFile: tlsKeyFile } = issueServer(directory, root, { notAfter })
    const variables = { TLS_CERT_FILE: certificateFile, TLS_KEY_FILE: tlsKeyFile }
    const tls = callWith(root)
    const service = await startReadyService(t, { ...longTerm(), ...variables }, tls)
    await service.sign(CONTAINER_REQUEST)
    const scrapes = [await scrape(service.url, tls), await scrape(service.url, tls)]
    await fire(t, scrapes, 'TlsCertificateExpires')
  })

  t.test('the certificate was revoked', async (t) => {
    const environment = longTerm()
    const certificate = new X509Certificate(readFileSync(`${environment.SIGNER_CERTIFICATE_FILE}`))
    authorities.issuing.revoke(certificate, new Date(Date.now() - 60_000))
    const service = await startService(t, environment)
    await until('the token is ready', async () => (await hsmStatus(service.url)).state === 'ready')
    await until('it is known', async () => {
      return (
        (await scrape(service.url)).samples.get('signing_service_certificate_revoked{signer="default"}') === 1
      )
    })
    await fire(t, await observe(service), 'SignerNotReady', 'RequestsFail', 'CertificateRevoked')
  })

  t.test('a changed configuration is refused', async (t) => {
    const file = path('changing.pem')
    const environment = longTerm()
    writeFileSync(file, readFileSync(`${environment.SIGNER_CERTIFICATE_FILE}`))
    const service = await startReadyService(t, { ...environment, SIGNER_CERTIFICATE_FILE: file })
    await ask(service)
    writeFileSync(file, 'no certificate')
    t.equal(await afterReload(service, () => service.app.reload()), 'refused')
    await fire(t, await observe(service), 'ReloadRefused')
  })

  t.test('a changed file of the users is refused', async (t) => {
    const file = path('access.json')
    const { kept } = await createToken()
    writeFileSync(file, JSON.stringify({ users: [{ name: 'alice', ...kept }] }))
    const service = await startReadyService(t, { ...longTerm(), ACCESS: 'tokens', ACCESS_FILE: file })
    writeFileSync(file, '{"users":[')
    service.app.reload()
    await fire(t, await observe(service), 'ReloadRefused')
  })

  t.test('a changed configuration waits', async (t) => {
    const file = path('waiting.pem')
    const environment = longTerm()
    writeFileSync(file, readFileSync(`${environment.SIGNER_CERTIFICATE_FILE}`))
    const service = await startReadyService(t, { ...environment, SIGNER_CERTIFICATE_FILE: file })
    await ask(service)
    const notBefore = new Date(Date.now() + DAY_MS)
    writeFileSync(file, readFileSync(`${longTerm({ notBefore }).SIGNER_CERTIFICATE_FILE}`))
    t.equal(await afterReload(service, () => service.app.reload()), 'pending')
    await fire(t, await observe(service), 'ReloadPending')
  })

  t.test('containers are made without a timestamp', async (t) => {
    const variables = { ...longTerm(), LEVEL: 'b-t', TSA_URL: 'http://127.0.0.1:9/', TSA_FALLBACK: 'b-b' }
    const service = await startReadyService(t, variables)
    await ask(service)
    await fire(t, await observe(service), 'ContainersBelowLevel', 'TimestampAuthorityAway')
  })

  t.test('no timestamp authority answers', async (t) => {
    const service = await startService(t, { ...longTerm(), TSA_URL: 'http://127.0.0.1:9/' })
    await until('the token is ready', async () => (await hsmStatus(service.url)).state === 'ready')
    const scrapes = await observe(service)
    await fire(t, scrapes, 'SignerNotReady', 'RequestsFail', 'TimestampAuthorityAway')
  })

  t.test('nobody tells whether certificates were revoked', async (t) => {
    const extension = 'authorityInfoAccess = OCSP;URI:http://127.0.0.1:9/'
    const service = await startService(t, longTerm({ extension }))
    await until('the token is ready', async () => (await hsmStatus(service.url)).state === 'ready')
    await fire(t, await observe(service), 'SignerNotReady', 'RequestsFail', 'RevocationInformationMissing')
  })

  t.test('nobody has told for hours whether certificates were revoked', async (t) => {
    const service = await startReadyService(t, plainly())
    const before = await observe(service)
    const { now } = Date
    t.intercept(Date, 'now', { value: () => now() + 3 * HOUR_MS })
    await fire(t, [...before, ...(await observe(service))], 'RevocationInformationOld')
  })

  t.test('more is asked for than the HSM signs', async (t) => {
    const service = await startReadyService(t, { ...longTerm(), LEVEL: 'b-b', HSM_QUEUE_LIMIT: '1' })
    await ask(service)
    faulty.plan('C_Sign delay 200')
    t.teardown(() => faulty.plan())
    const many = () => Promise.all(Array.from({ length: 10 }, () => ask(service)))
    const scrapes = [await scrape(service.url)]
    for (const _ of [1, 2]) {
      await many()
      scrapes.push(await scrape(service.url))
    }
    await fire(t, scrapes, 'HsmBusy', 'RequestsFail')
  })

  t.test('the HSM is slower than in its last week', async (t) => {
    const service = await startReadyService(t, { ...plainly(), HSM_SESSIONS: '4' })
    await allIdle(service.url)
    await ask(service)
    const [one, other] = (await observe(service)) as [Scrape, Scrape]
    // In the bucket up to a second, from which nothing is fired without a week, with room for a busy machine
    faulty.plan('C_Sign delay 600')
    t.teardown(() => faulty.plan())
    const history = { scrapes: [one, other], minutes: 26 * HOUR_MINUTES } as const
    const scrapes = await observe(service)
    await fire(t, { scrapes, history, up: 1 }, 'HsmSlow')
    await fire(t, scrapes)
  })

  t.test('the HSM is slow, and there is no week to compare with', async (t) => {
    const service = await startReadyService(t, { ...plainly(), HSM_SESSIONS: '4' })
    await allIdle(service.url)
    await ask(service)
    faulty.plan('C_Sign delay 1500')
    t.teardown(() => faulty.plan())
    await fire(t, await observe(service), 'HsmSlow')
  })

  t.test('requests wait for sessions', async (t) => {
    const service = await startReadyService(t, plainly())
    await allIdle(service.url)
    await ask(service)
    faulty.plan('C_Sign delay 600')
    t.teardown(() => faulty.plan())
    const before = await scrape(service.url)
    await Promise.all([1, 2].map(() => ask(service)))
    await fire(t, [before, await scrape(service.url)], 'QueueLong')
  })

  t.test('most sessions cannot be opened', async (t) => {
    faulty.plan('C_OpenSession return CKR_SESSION_COUNT after=3')
    t.teardown(() => faulty.plan())
    const service = await startReadyService(t, { ...plainly(), HSM_SESSIONS: '8' })
    await ask(service)
    await fire(t, await observe(service), 'SessionsShort')
  })

  t.test('the HSM returns a wrong signature', async (t) => {
    const service = await startReadyService(t, { ...plainly(), HSM_SESSIONS: '4' })
    await allIdle(service.url)
    await ask(service)
    const before = await scrape(service.url)
    faulty.plan('C_Sign flip times=1')
    t.teardown(() => faulty.plan())
    await ask(service)
    await fire(t, [before, await scrape(service.url)], 'WrongSignature')
  })

  t.test('there are too many connections', async (t) => {
    const service = await startReadyService(t, { ...longTerm(), SIGNING_SERVICE_MAX_CONNECTIONS: '16' })
    await ask(service)
    const before = await scrape(service.url)
    // The service may close a kept connection just as it gets another request
    globalAgent.destroy()
    const { hostname, port } = new URL(service.url)
    const sockets = Array.from({ length: 17 }, () => connect(Number(port), hostname))
    t.teardown(() => {
      for (const socket of sockets) {
        socket.destroy()
      }
    })
    await until('one is closed', async () => {
      return ((await scrape(service.url)).samples.get(SHED) ?? 0) > 0
    })
    await fire(t, [before, await scrape(service.url)], 'ConnectionsShed')
  })

  t.test('more is asked for than a limit allows', async (t) => {
    const service = await startReadyService(t, { ...longTerm(), LEVEL: 'b-b', RATE_LIMIT_PER_SIGNER: '1' })
    await ask(service)
    const scrapes = [await scrape(service.url)]
    for (const _ of [1, 2]) {
      await ask(service)
      scrapes.push(await scrape(service.url))
    }
    await fire(t, scrapes, 'RateLimited')
  })

  t.test('the signer process is killed again and again', async (t) => {
    const service = await startReadyServerProcess(t, longTerm())
    const url = service.address
    const scrapes = [await scrape(url)]
    for (const _ of [1, 2]) {
      const [signer] = childrenOf(Number(service.child.pid))
      process.kill(Number(signer), 'SIGKILL')
      await until('another one signs', async () => {
        const [next] = childrenOf(Number(service.child.pid))
        return next !== undefined && next !== signer && (await hsmStatus(url)).state === 'ready'
      })
      scrapes.push(await scrape(url))
    }
    await fire(t, scrapes, 'SignerProcessRestarts')
  })

  t.test('the service itself is killed again and again', async (t) => {
    const scrapes: Scrape[] = []
    for (const _ of [1, 2, 3, 4]) {
      const begun = Date.now()
      const { child, address, exited } = await startReadyServerProcess(t, faulty.environment)
      scrapes.push(await scrape(address))
      child.kill('SIGKILL')
      await exited
      // Its start is told in whole seconds
      await until('the next one starts in another second', () => Date.now() - begun > 1_000)
    }
    await fire(t, scrapes, 'Restarts')
  })

  t.test('the disk of the log is full', async (t) => {
    const port = await findPort()
    const child = spawn(process.execPath, [SERVER], {
      env: {
        ...process.env,
        ...faulty.environment,
        SIGNING_SERVICE_PORT: `${port}`,
        SIGNING_SERVICE_HOST: '127.0.0.1',
      },
      stdio: ['ignore', openSync('/dev/full', 'w'), 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const url = `http://127.0.0.1:${port}`
    await waitUntilReady(url)
    const healthy = await scrape(url)
    await until('a write has failed again', async () => {
      const key = 'signing_service_log_write_failures_total'
      return ((await scrape(url)).samples.get(key) ?? 0) > (healthy.samples.get(key) ?? 0)
    })
    await fire(t, [healthy, ...(await observe({ url }))], 'LogNotWritten')
  })

  t.test('each alert has fired', async (t) => {
    t.same([...fired].sort(), [...alertNames].sort())
  })
})
