import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifySchemaValidationError, LogController } from 'fastify'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { callback } from './callback/routes.ts'
import type { Configuration, LoadedSigners } from './config.ts'
import type { ConfigurationError } from './errors.ts'
import { PoolMetrics } from './metrics/pool-metrics.ts'
import { ReloadMetrics } from './metrics/reload-metrics.ts'
import { RevocationMetrics, registerRevocationGauges } from './metrics/revocation-metrics.ts'
import { registerSignerGauges } from './metrics/signer-gauges.ts'
import { TimestampMetrics } from './metrics/timestamp-metrics.ts'
import { bodyBudget } from './plugins/body-budget.ts'
import { closing } from './plugins/closing.ts'
import { connections } from './plugins/connections.ts'
import { cors } from './plugins/cors.ts'
import { errorReply } from './plugins/error-reply.ts'
import { health } from './plugins/health.ts'
import { httpManners } from './plugins/http-manners.ts'
import { refuseAddress, refuseConnection, refuseExpectation } from './plugins/malformed-request.ts'
import { metrics } from './plugins/metrics.ts'
import { requestLog } from './plugins/request-log.ts'
import { ExpiryWatch } from './signers/expiry-watch.ts'
import { Reloading } from './signers/reloading.ts'
import { Signers } from './signers/signers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Has changed signers, certificates and chains taken over. */
    reload(): void
  }
}

/** Milliseconds in which a request must have arrived whole; a slower one holds its socket for nothing. */
const REQUEST_TIMEOUT_MS = 120_000

export interface AppOptions {
  readonly logger: Logger
  /** A token was reached before the service was first ready, and the configuration does not fit it. */
  onMisconfigured(error: ConfigurationError): void
  /** Reads the configuration of the signers anew. */
  loadSigners(): LoadedSigners
}

/** The Fastify application: opens the tokens when it gets ready, closes them when it closes. */
export async function buildApp(
  configuration: Configuration,
  { logger, onMisconfigured, loadSigners }: AppOptions,
) {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: configuration.bodyLimit,
    keepAliveTimeout: configuration.keepAliveMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: requestId,
    // A name of any length is that of a signer or unknown; headers have 16 KiB at most
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    // A signer says what is wrong; it neither converts nor drops anything
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: describeSchemaError,
    frameworkErrors: (_error, request, reply) => refuseAddress(request, reply),
    clientErrorHandler: refuseConnection(logger),
  }).withTypeProvider<TypeBoxTypeProvider>()

  const registry = new Registry()
  const { revocationCheck } = configuration
  const signers = new Signers(configuration.signers, {
    hsm: configuration.hsm,
    log: logger,
    observer: new PoolMetrics(registry),
    revocationCheck,
    revocationObserver: new RevocationMetrics(registry),
    timestampObserver: new TimestampMetrics(registry),
    onMisconfigured,
  })
  if (revocationCheck) {
    registerRevocationGauges(registry, signers)
  }
  registerSignerGauges(registry, { signers, queueLimit: configuration.hsm.queueLimit })
  const reloads = new ReloadMetrics(registry)
  const expiry = new ExpiryWatch(signers, logger)
  const reloading = new Reloading({
    signers,
    files: configuration.signers.files,
    intervalMs: configuration.reloadIntervalMs,
    load: loadSigners,
    log: logger,
    onEnd: (outcome) => {
      reloads.ended(outcome)
      expiry.look()
    },
  })
  app.decorate('reload', () => reloading.request('signal'))
  app.addHook('onReady', async () => {
    signers.start()
    expiry.start()
    await reloading.start()
  })
  app.addHook('onClose', async () => {
    expiry.stop()
    await Promise.all([reloading.stop(), signers.close()])
  })

  app.server.on('checkExpectation', refuseExpectation(logger, requestId))

  await app.register(connections)
  await app.register(closing)
  await app.register(requestLog)
  await app.register(httpManners)
  // Room for the largest body, and for another while the first is decoded
  await app.register(bodyBudget, { bytes: 2 * configuration.bodyLimit })
  await app.register(errorReply)
  // Before what answers by itself, so that every request is counted
  await app.register(metrics, { registry })
  await app.register(cors, { origins: configuration.corsOrigins })
  await app.register(health, { signers, reloading })
  await app.register(callback, { configuration, signers })
  return app
}

/** The caller's X-Request-Id where it is a plain word, so that one id runs through both logs. */
function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
}

/** `digest: must be a string`, never with the value. */
function describeSchemaError([error]: FastifySchemaValidationError[]): Error {
  const field = error?.instancePath.slice(1)
  return new Error(field ? `${field}: must be a string` : 'body: must be a JSON object')
}
