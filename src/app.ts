import { randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifySchemaValidationError, LogController } from 'fastify'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { Access } from './access/access.ts'
import { AuditLog } from './audit/audit-log.ts'
import { createCheckpointSigner } from './audit/checkpoint-signer.ts'
import { callback } from './callback/routes.ts'
import { BODY_PERIOD_MS, CLOSING_BODY_MS, HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './common/arrival.ts'
import { hasAddress } from './common/networks.ts'
import { RepeatedWarning } from './common/repeated-warning.ts'
import type { Configuration, LoadedAccess, LoadedSigners, LoadedTls } from './configuration/configuration.ts'
import { FileReloading } from './configuration/file-reloading.ts'
import type { TlsConfiguration } from './configuration/tls.ts'
import type { DescribedPort } from './description/describe-api.ts'
import { routeList } from './description/route-list.ts'
import type { ConfigurationError } from './errors.ts'
import { createAuditMetrics, registerAuditGauges } from './metrics/audit-metrics.ts'
import {
  createPoolMetrics,
  createReloadMetrics,
  createRevocationMetrics,
  createTimestampMetrics,
} from './metrics/event-metrics.ts'
import { registerGauge } from './metrics/registration.ts'
import { registerRevocationGauges, registerSignerGauges } from './metrics/signer-gauges.ts'
import { audit } from './plugins/audit.ts'
import { bodyBudget } from './plugins/body-budget.ts'
import { connections } from './plugins/connections.ts'
import { cors } from './plugins/cors.ts'
import { type DocsOptions, docs } from './plugins/docs.ts'
import { errorReply } from './plugins/error-reply.ts'
import { type HealthOptions, health } from './plugins/health.ts'
import { httpDefaults, parseQuery } from './plugins/http-defaults.ts'
import { MalformedRequests } from './plugins/malformed-request.ts'
import { metricsPage, requestMetrics } from './plugins/metrics.ts'
import { rateLimits } from './plugins/rate-limits.ts'
import { createRequestLogger, LineLimit, requestLog } from './plugins/request-log.ts'
import { createServerOptions, tls } from './plugins/tls.ts'
import { tlsClients } from './plugins/tls-clients.ts'
import { tracing } from './plugins/tracing.ts'
import { turns } from './plugins/turns.ts'
import { ExpiryWatch } from './signers/expiry-watch.ts'
import { Readiness } from './signers/readiness.ts'
import { Reloading } from './signers/reloading.ts'
import { Signers } from './signers/signers.ts'
import type { StatusSources } from './status-page/describe-status.ts'
import { History } from './status-page/history.ts'
import { statusPage } from './status-page/routes.ts'
import type { Traces } from './tracing/traces.ts'
import { webSdk } from './web-sdk/routes.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Takes over changed files, and asks anew for the keys of tokens and whether certificates were revoked. */
    reload(): void
  }
}

/** Most proxies in a row whose word counts: each takes time, and a header has room for thousands. */
const MAX_PROXIES = 32

/** Interval, in ms, at which Node looks for requests that arrive too slowly. */
const TIMEOUT_CHECK_MS = 1_000

/** Time to send answers once the service closes, in ms. */
const CLOSING_SEND_MS = 500

export interface AppOptions {
  readonly logger: Logger
  /** Called when a token is reached before the service was first ready, and the configuration does not fit it. */
  onMisconfigured(error: ConfigurationError): void
  /** Reads the configuration of the signers anew. */
  loadSigners(): LoadedSigners
  /** Reads anew who may have something signed. */
  loadAccess(): LoadedAccess
  /** Reads anew what the signing port shows and demands by TLS. */
  loadTls(): LoadedTls
}

interface ServerOptions {
  readonly logger: Logger
  /** Registry for the metrics of its connections. */
  readonly registry: Registry
  /** Absent if the port speaks plain HTTP. */
  readonly tls?: TlsConfiguration | undefined
  /** Time that requests may take once the service closes, in ms. */
  readonly closingMs: number
}

/** Creates the server of one port, with what surrounds requests on every port. */
async function createServer(
  configuration: Configuration,
  { logger, registry, tls: tlsOfPort, closingMs }: ServerOptions,
) {
  const { trustedProxies } = configuration
  const lines = new LineLimit(logger)
  const malformed = new MalformedRequests(logger, lines)
  const serverOptions = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // A plugin refuses a missing Host header: Node would do so without a body and without a log line
    requireHostHeader: false,
  }
  const app = Fastify({
    loggerInstance: logger,
    childLoggerFactory: createRequestLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: configuration.bodyLimit,
    keepAliveTimeout: configuration.keepAliveMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A connection is silent while headers or the HSM are awaited; a longer silence means that nobody reads the answers
    connectionTimeout: HEADERS_TIMEOUT_MS + configuration.hsm.timeoutMs + BODY_PERIOD_MS,
    http: serverOptions,
    ...(tlsOfPort && { https: { ...serverOptions, ...createServerOptions(tlsOfPort) } }),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: () => randomUUID(),
    trustProxy:
      trustedProxies === undefined
        ? false
        : (address, hop) => hop < MAX_PROXIES && hasAddress(trustedProxies, address),
    // The limit is that of Node on all headers, so that a name of any length is answered as that of an unknown signer
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384, querystringParser: parseQuery },
    // The service refuses a wrong body; it neither converts nor drops anything in it. The schemas are its own, and to compile
    // the schema of schemas, to check them by, would take a tenth of the start
    ajv: {
      customOptions: {
        ...{ coerceTypes: false, removeAdditional: false, useDefaults: false },
        ...{ meta: false, validateSchema: false },
      },
    },
    schemaErrorFormatter: describeSchemaError,
    frameworkErrors: (_error, request, reply) => malformed.refuseAddress(request, reply),
    clientErrorHandler: (error, socket) => malformed.refuseConnection(error, socket),
  }).withTypeProvider<TypeBoxTypeProvider>()
  malformed.watch(app.server)
  await app.register(routeList)
  await app.register(connections, {
    limit: configuration.maxConnections,
    closeMs: closingMs + CLOSING_SEND_MS,
    registry,
    log: logger,
  })
  await app.register(turns)
  await app.register(requestLog, { lines })
  await app.register(httpDefaults)
  await app.register(errorReply, { lines })
  return app
}

/**
 * Builds the Fastify application, which opens the tokens when it gets ready and closes them when it closes.
 *
 * @throws ConfigurationError if decisions cannot be recorded as configured
 * @returns it, and with ADMIN_PORT the server for operators, which the application closes once it has answered all callers
 */
export async function buildApp(
  configuration: Configuration,
  { logger, onMisconfigured, loadSigners, loadAccess, loadTls }: AppOptions,
) {
  const registry = new Registry()
  const { tls: tlsConfiguration, tracesUrl } = configuration
  const traces = tracesUrl === undefined ? undefined : await startTraces(tracesUrl, logger)
  const app = await createServer(configuration, {
    ...{ logger, registry, tls: tlsConfiguration },
    closingMs: CLOSING_BODY_MS + configuration.hsm.timeoutMs,
  })
  if (traces !== undefined) {
    await app.register(tracing, { traces })
  }
  const { revocationCheck, revocationMaxAgeMs } = configuration
  const createPoolObserver = createPoolMetrics(registry)
  const revocationMetrics = createRevocationMetrics(registry)
  const timestampMetrics = createTimestampMetrics(registry)
  const signers = new Signers(configuration.signers, {
    hsm: configuration.hsm,
    log: logger,
    createObserver: (readToken) => {
      const observer = createPoolObserver(readToken)
      return traces?.observePool(observer) ?? observer
    },
    revocationCheck,
    revocationMaxAgeMs,
    proxies: configuration.proxies,
    revocationObserver: traces?.observeRevocations(revocationMetrics) ?? revocationMetrics,
    timestampObserver: traces?.observeTimestamps(timestampMetrics) ?? timestampMetrics,
    onMisconfigured,
  })
  if (revocationCheck) {
    registerRevocationGauges(registry, signers, revocationMaxAgeMs)
  }
  const readiness = new Readiness(signers, logger)
  registerSignerGauges(registry, signers, readiness, configuration.hsm)
  const countReload = createReloadMetrics(registry)
  const expiry = new ExpiryWatch(signers, logger, () => {
    if (configuration.reloadIntervalMs > 0) {
      reloading.request('files')
    }
  })
  const reloading = new Reloading({
    signers,
    configuration: configuration.signers,
    intervalMs: configuration.reloadIntervalMs,
    load: loadSigners,
    log: logger,
    onEnd: (outcome) => {
      countReload(outcome)
      expiry.check()
    },
  })
  const access = new Access(configuration.access.configuration, {
    proxies: configuration.proxies,
    warning: new RepeatedWarning(logger),
  })
  const accessReloading = new FileReloading({
    what: 'the access',
    files: configuration.access.files,
    intervalMs: configuration.reloadIntervalMs,
    load: () => {
      const { access: content, ...rest } = loadAccess()
      return { content: content.configuration, ...rest }
    },
    take: (content) => {
      access.replace(content)
      return { access: content.kind }
    },
    log: logger,
  })
  registerGauge(
    registry,
    'signing_service_access_reload_refused',
    '1 while what the files of the access hold was refused and what they held before counts, else 0.',
    [],
    () => [[{}, Number(accessReloading.isRefused)]],
  )
  const auditLog =
    configuration.audit &&
    new AuditLog(configuration.audit, {
      ...{ log: logger, observer: createAuditMetrics(registry) },
      ...(configuration.audit.signer && {
        signer: createCheckpointSigner(signers, configuration.audit.signer),
      }),
    })
  if (auditLog !== undefined) {
    registerAuditGauges(registry, auditLog)
    await auditLog.start()
  }
  app.decorate('reload', () => {
    app.reloadTls?.()
    accessReloading.reload()
    access.renewKeys()
    signers.renewRevocations()
    signers.reviewRefusedPins()
    reloading.request('signal')
  })
  app.addHook('onReady', async () => {
    signers.start()
    readiness.start()
    expiry.start()
    await Promise.all([reloading.start(), accessReloading.start()])
  })
  app.addHook('onClose', async () => {
    expiry.stop()
    readiness.stop()
    accessReloading.stop()
    access.close()
    // The last checkpoint needs the signers
    await auditLog?.close()
    await Promise.all([reloading.stop(), signers.close()])
    await traces?.close()
  })

  await app.register(audit, { auditLog, access })
  if (tlsConfiguration !== undefined) {
    const { reloadIntervalMs: intervalMs } = configuration
    await app.register(tls, {
      configuration: tlsConfiguration,
      intervalMs,
      load: loadTls,
      registry,
      log: logger,
    })
  }
  await app.register(bodyBudget, { registry })
  // The metrics come before the plugins that answer by themselves, so that every request is counted
  const history = new History()
  await app.register(requestMetrics, { registry, observer: history })
  if (tlsConfiguration?.clients !== undefined) {
    await app.register(tlsClients, tlsConfiguration.clients)
  }
  await app.register(cors, { origins: configuration.corsOrigins })
  await app.register(rateLimits, { ...configuration.rateLimits, registry })
  const pages = {
    signers,
    readiness,
    reloading,
    access,
    auditLog,
    registry,
    history,
    queueLimit: configuration.hsm.queueLimit,
    isClosing: () => app.isClosing(),
  }
  const admin = configuration.admin && (await buildAdmin(configuration, logger, pages))
  await app.register(statusPage, showsStatusPage(configuration) ? { page: pages } : {})
  await app.register(health, { ...pages, showsDetails: admin === undefined })
  if (admin === undefined) {
    await app.register(metricsPage, pages)
  }
  app.addHook('onClose', async () => admin?.close())
  const ways = { configuration, access, auditLog, signers }
  await app.register(callback, ways)
  if (configuration.webSdk) {
    await app.register(webSdk, ways)
  }
  await (admin ?? app).register(docs, { ports: listPorts(configuration, app, admin) })
  return { app, admin }
}

/**
 * Returns whether the signing port shows the page for people. It has names of certificates, which are nobody's secret where
 * everybody who reaches the port may fetch them, and may have anything signed.
 */
function showsStatusPage({ admin, access, accessFrom, tls }: Configuration): boolean {
  const isOpen = access.configuration.kind === 'open' && accessFrom === undefined
  return admin === undefined && isOpen && tls?.clients === undefined
}

type Pages = Omit<HealthOptions, 'showsDetails'> & StatusSources

/** Builds the server for operators. It signs nothing, and its requests and connections are in no metric. */
async function buildAdmin(configuration: Configuration, logger: Logger, pages: Pages) {
  const admin = await createServer(configuration, { logger, registry: new Registry(), closingMs: 0 })
  await admin.register(cors, { origins: [] })
  await admin.register(statusPage, { page: pages })
  await admin.register(health, { ...pages, showsDetails: true })
  await admin.register(metricsPage, pages)
  return admin
}

/** Starts to export traces. What that takes is loaded only here. */
async function startTraces(url: string, logger: Logger): Promise<Traces> {
  const [{ Traces }, { createExporter }] = await Promise.all([
    import('./tracing/traces.ts'),
    import('./tracing/exporter.ts'),
  ])
  return new Traces(createExporter(url, logger))
}

/** Lists the ports, whose routes are those that they will have. */
function listPorts(
  { port, tls: tlsOfPort, admin: adminAddress }: Configuration,
  { describedRoutes: routes }: Pick<FastifyInstance, 'describedRoutes'>,
  admin: Pick<FastifyInstance, 'describedRoutes'> | undefined,
): DocsOptions['ports'] {
  const calling: DescribedPort = { scheme: tlsOfPort === undefined ? 'http' : 'https', port, routes }
  return adminAddress === undefined || admin === undefined
    ? [calling]
    : [calling, { scheme: 'http', port: adminAddress.port, routes: admin.describedRoutes }]
}

/** Builds an error such as `digest: must be a string`, which never quotes the value. */
function describeSchemaError([error]: FastifySchemaValidationError[]): Error {
  const field = error?.instancePath.slice(1)
  return new Error(field ? `${field}: must be a string` : 'body: must be a JSON object')
}
