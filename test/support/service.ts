/** The service inside the test's own process, listening on a free port of the loopback interface. */
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import type { Configuration } from '../../src/configuration/configuration.ts'
import { loadAccess, loadConfiguration, loadSigners, loadTls } from '../../src/configuration/load.ts'
import type { ConfigurationError } from '../../src/errors.ts'
import { type Answer, send, type TlsOptions } from './http.ts'
import { checkLog } from './log-lines.ts'
import { keepEnvironment, lookThrough } from './secret-watch.ts'
import { allIdle, until } from './signing.ts'

export interface Service {
  readonly url: string
  readonly configuration: Configuration
  readonly app: Awaited<ReturnType<typeof buildApp>>['app']
  /** Address of the port for operators; empty without ADMIN_PORT. */
  readonly adminUrl: string
  /** What the token told to be wrong with the configuration, if it did. */
  readonly misconfigured: readonly ConfigurationError[]
  /** All of the log so far. */
  log(): string
  /** Posts a body as JSON to /sign. */
  sign(body: unknown): Promise<Answer>
  /** Waits until /health/ready answers 200. */
  ready(): Promise<void>
}

/** Where a test, or a part of one, ends. */
interface Teardown {
  teardown(act: () => Promise<unknown>): void
}

/**
 * Starts the service with the variables of `environment`; it ends with the test. Does not wait for the token.
 *
 * @param prepare changes the application before it listens
 * @param tls how it is called if it speaks TLS
 */
export async function startService(
  t: Teardown,
  environment: Record<string, string>,
  prepare: (app: Service['app']) => void = () => {},
  tls?: TlsOptions,
): Promise<Service> {
  keepEnvironment(environment)
  const configuration = loadConfiguration(environment)
  const stream = new PassThrough()
  let log = ''
  stream.on('data', (chunk) => {
    log += chunk
  })
  const misconfigured: ConfigurationError[] = []
  const { app, admin } = await buildApp(configuration, {
    logger: pino({ level: 'trace' }, stream),
    onMisconfigured: (error) => misconfigured.push(error),
    loadSigners: () => loadSigners(environment),
    loadAccess: () => loadAccess(environment),
    loadTls: () => loadTls(environment),
  })
  prepare(app)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const adminUrl = admin === undefined ? '' : await admin.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    await app.close()
    lookThrough('the log', log)
    checkLog(log)
  })
  return {
    url,
    adminUrl,
    configuration,
    app,
    misconfigured,
    log: () => log,
    sign: (body) => send(`${url}/sign`, { method: 'POST', body: JSON.stringify(body), tls }),
    ready: () => waitUntilReady(url, tls),
  }
}

/** Starts the service and waits until it signs. */
export async function startReadyService(
  t: Teardown,
  environment: Record<string, string>,
  tls?: TlsOptions,
): Promise<Service> {
  const service = await startService(t, environment, undefined, tls)
  await service.ready()
  return service
}

/** Starts the service and waits until all its keys and all its sessions have made their test signatures. */
export async function startIdleService(t: Teardown, environment: Record<string, string>): Promise<Service> {
  // Test signatures of idle sessions would be among the calls that a test counts
  const service = await startReadyService(t, { HSM_KEEPALIVE_MS: '3600000', ...environment })
  await until('all signers are ready', async () => {
    const { signers } = (await send(`${service.url}/health/ready`)).json() as {
      signers: Record<string, { state: string }>
    }
    return Object.values(signers).every(({ state }) => state === 'ready')
  })
  await allIdle(service.url)
  return service
}

export async function waitUntilReady(url: string, tls?: TlsOptions): Promise<void> {
  const timeoutMs = 90_000
  const end = Date.now() + timeoutMs
  for (;;) {
    const answer = await send(`${url}/health/ready`, { tls }).catch(() => undefined)
    if (answer?.statusCode === 200) {
      return
    }
    if (Date.now() > end) {
      throw new Error(`not ready after ${timeoutMs} ms: ${answer?.body}`)
    }
    await delay(50)
  }
}
