import type { ServerOptions } from 'node:https'
import type { Server as TlsServer } from 'node:tls'
import fp from 'fastify-plugin'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { LoadedTls } from '../configuration/configuration.ts'
import { FileReloading } from '../configuration/file-reloading.ts'
import type { TlsConfiguration } from '../configuration/tls.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { registerGauge } from '../metrics/registration.ts'
import { registerTlsGauges } from '../metrics/tls-gauges.ts'
import { findExpiry } from '../signers/expiry-watch.ts'
import { earliestNotAfter, findInvalidity } from '../x509/validity.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Takes over changed files of TLS; absent without TLS. */
    reloadTls?(): void
  }
}

export interface TlsOptions {
  readonly configuration: TlsConfiguration
  /** Interval at which the files are polled, in ms; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration anew. */
  load(): LoadedTls
  readonly registry: Registry
  readonly log: Logger
}

/** Returns the options of a server that speaks TLS, and nothing but HTTP/1.1 over it. */
export function createServerOptions({ context, clients }: TlsConfiguration): ServerOptions {
  const requestCert = clients !== undefined
  return { ...context, ALPNProtocols: ['http/1.1'], requestCert, rejectUnauthorized: true }
}

/** Interval between looks at the period of the certificate, in ms. */
const INTERVAL_MS = 60_000

/**
 * Keeps the certificate of the port. Open connections go on when that changes, unless an authority of clients is no
 * longer trusted.
 */
export const tls = fp<TlsOptions>(
  async (app, { configuration: initial, intervalMs, load, registry, log }) => {
    let configuration = initial
    const server = app.server as unknown as TlsServer
    const warnOfExpiry = createExpiryWarning(log, initial)
    const reloading = new FileReloading({
      what: 'the TLS certificate',
      files: initial.files,
      intervalMs,
      load: () => readNext(load(), configuration),
      take: (next) => {
        const { authorities = [] } = configuration.clients ?? {}
        configuration = next
        server.setSecureContext(next.context)
        if (authorities.some((one) => !next.clients?.authorities.includes(one))) {
          app.renewConnections()
        }
        warnOfExpiry(next)
        return { notAfter: earliestNotAfter(next.validity) }
      },
      log,
    })
    const timer = setInterval(() => warnOfExpiry(configuration), INTERVAL_MS).unref()
    app.decorate('reloadTls', () => reloading.reload())
    app.addHook('onReady', () => reloading.start())
    app.addHook('onClose', async () => {
      clearInterval(timer)
      reloading.stop()
    })
    registerTlsGauges(registry, () => earliestNotAfter(configuration.validity))
    registerGauge(
      registry,
      'signing_service_tls_reload_refused',
      '1 while what the files of TLS hold was refused and what they held before is shown, else 0.',
      [],
      () => [[{}, Number(reloading.isRefused)]],
    )
  },
  { name: 'tls', dependencies: ['connections'] },
)

/** Returns a configuration that was read anew, with a problem where it would be worse than the present one. */
function readNext({ tls: next, problems, warnings }: LoadedTls, present: TlsConfiguration) {
  const now = new Date()
  const [leaf] = next?.validity ?? present.validity
  const invalidity = findInvalidity([leaf], now)
  const isWorse = invalidity !== undefined && findInvalidity(present.validity.slice(0, 1), now) === undefined
  const worse: ConfigurationProblem[] = isWorse ? [{ variable: 'TLS_CERT_FILE', message: invalidity }] : []
  return { content: next as TlsConfiguration, problems: [...problems, ...worse], warnings }
}

/** Returns a function that logs when a certificate nears its end, once at each threshold, and when it is not valid. */
function createExpiryWarning(log: Logger, { validity: initial }: TlsConfiguration) {
  // The start has warned of a certificate that is not valid
  let said = findInvalidity(initial, new Date())
  return ({ validity }: TlsConfiguration) => {
    const now = new Date()
    const invalidity = findInvalidity(validity, now)
    const message = invalidity ?? findExpiry(validity, now)?.message
    if (message !== undefined && message !== said) {
      log[invalidity === undefined ? 'warn' : 'error'](`TLS: ${message}`)
    }
    said = message
  }
}
