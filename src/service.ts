/** Reads the configuration, builds the application, listens, and ends gracefully. */
import { lookup } from 'node:dns/promises'
import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance, FastifyListenOptions } from 'fastify'
import { buildApp } from './app.ts'
import { onHangUp } from './common/hang-up.ts'
import { createLogger } from './common/log-output.ts'
import { RepeatedWarning } from './common/repeated-warning.ts'
import { VERSION } from './common/version.ts'
import type { Configuration, ListenAddress } from './configuration/configuration.ts'
import { loadAccess, loadConfiguration, loadSigners, loadTls } from './configuration/load.ts'
import { logProblems } from './configuration/problem.ts'
import { type ConfigurationError, EXIT_CONFIGURATION } from './errors.ts'
import { fitOpenFiles } from './open-files.ts'
import { APART } from './pkcs11/messages.ts'
import { summarize } from './signers/summary.ts'

/** Time to close, in ms, beyond the time that requests in flight may take. */
const CLOSE_MARGIN_MS = 5_000

/**
 * Signals of faults, which end the process at once. With a listener the instruction that failed would be tried again for ever,
 * or the fault taken for an order to end: nothing would answer, and no supervisor would see that the process is broken.
 */
const FAULTS = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const

/** True if the parent runs this process as one user, and the signer processes as another. */
const apart = process.argv[2] === APART
const configuration = fitOpenFiles(readConfiguration())
const closeMs = configuration.hsm.timeoutMs + CLOSE_MARGIN_MS
const logger = createLogger({ level: configuration.logLevel })
logger.info(
  { version: VERSION, nodeVersion: process.version, configuration: summarize(configuration) },
  'the signing service starts',
)
for (const warning of configuration.warnings) {
  logger.warn(warning)
}
logWarningsOfNode()

const { app, admin } = await buildApp(configuration, {
  logger,
  onMisconfigured: stopMisconfigured,
  loadSigners: () => loadSigners(process.env, apart),
  loadAccess: () => loadAccess(process.env),
  loadTls: () => loadTls(process.env),
}).catch(refuseConfiguration)
onHangUp(() => app.reload())
if (apart) {
  // The parent has gone, and with it all signer processes go
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  if (!process.connected) {
    // It went while this process was loaded, which no event tells any more
    process.exit(1)
  }
}
const { shutdownDelayMs } = configuration
const graceOptions = { delay: shutdownDelayMs + closeMs, logger, skip: ['SIGHUP' as const, ...FAULTS] }
const grace = closeWithGrace(graceOptions, async ({ signal, err }) => {
  app.announceClosing()
  if (err !== undefined) {
    logger.fatal({ err }, 'an unexpected error ends the service')
  } else {
    logger.info({ signal, delayMs: shutdownDelayMs }, 'told to end: not ready any more')
    await delay(shutdownDelayMs)
  }
  logger.info('closing: finishing what is in flight')
  await app.close()
  logger.info('closed')
})

if (admin !== undefined && configuration.admin !== undefined) {
  await app.ready()
  const listenTextResolver = (address: string) => `the admin port listens at ${address}`
  await listen(admin, { ...configuration.admin, listenTextResolver }, 'ADMIN')
}
await listen(app, configuration, 'SIGNING_SERVICE')

/** Has warnings of Node.js in the log, once a minute each, in place of stderr, which is no JSON and has no bound. */
function logWarningsOfNode(): void {
  const repeated = new RepeatedWarning(logger)
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => repeated.warn(`Node.js warns: ${message}`, {}, name))
}

/** @param prefix beginning of the two variables that say where to listen */
async function listen(
  server: Pick<FastifyInstance, 'listen'>,
  { host, ...options }: FastifyListenOptions & ListenAddress,
  prefix: string,
): Promise<void> {
  try {
    await server.listen({ ...options, host: await resolveHost(host) })
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined) {
      logger.fatal({ err: error }, 'an unexpected error ends the start')
    } else {
      logger.fatal(`cannot listen (${code}); choose another ${prefix}_HOST or ${prefix}_PORT`)
    }
    grace.uninstall()
    await app.close()
    process.exit(1)
  }
}

/** Resolves the host: for `localhost` Fastify would start a second server, which the plugins do not see. */
async function resolveHost(host: string): Promise<string> {
  const { address } = await lookup(host, { order: 'ipv4first' })
  return address
}

function readConfiguration(): Configuration {
  try {
    return loadConfiguration(process.env, apart)
  } catch (error) {
    return refuseConfiguration(error as ConfigurationError)
  }
}

/** Ends the process before it has begun to serve. */
function refuseConfiguration({ problems }: ConfigurationError): never {
  logProblems(createLogger({}), 'fatal', problems)
  process.exit(EXIT_CONFIGURATION)
}

/** Ends the service when a token shows that the configuration is wrong, as at the start. */
function stopMisconfigured({ problems }: ConfigurationError): void {
  logProblems(logger, 'fatal', problems)
  setTimeout(process.exit, closeMs, EXIT_CONFIGURATION).unref()
  void app.close().then(() => process.exit(EXIT_CONFIGURATION))
}
