import fp from 'fastify-plugin'
import type { Access } from '../access/access.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Readiness, SignerStatus } from '../signers/readiness.ts'
import type { Reloading } from '../signers/reloading.ts'
import type { Signers } from '../signers/signers.ts'
import { earliestNotAfter, findInvalidity, type ValidityPeriod } from '../x509/validity.ts'
import { sharePage } from './shared-page.ts'

export interface HealthOptions {
  readonly signers: Pick<Signers, 'all'>
  readonly readiness: Pick<Readiness, 'check' | 'isReady'>
  readonly reloading: Pick<Reloading, 'status'>
  readonly access: Pick<Access, 'kind' | 'isReady'>
  /** Absent if nothing is recorded. */
  readonly auditLog: Pick<AuditLog, 'problem'> | undefined
  /** Returns whether the service was told to end. */
  isClosing(): boolean
  /** True if `/health/ready` also says what is ready, and why not; else it has the `status` alone. */
  readonly showsDetails: boolean
}

/** Serves `/health/live` for the process, and `/health/ready` for the signers and their tokens. */
export const health = fp<HealthOptions>(
  async (app, options) => {
    app.get('/health/live', { config: { probe: true, operation: 'live' } }, async () => ({ status: 'live' }))

    const makePage = sharePage(() => {
      const body = describeReadiness(options)
      const { status } = body
      const json = JSON.stringify(options.showsDetails ? body : { status })
      return { statusCode: status === 'ready' ? 200 : 503, json }
    })
    app.get('/health/ready', { config: { probe: true, operation: 'ready' } }, async (_request, reply) => {
      const { statusCode, json } = await makePage()
      return reply
        .status(statusCode)
        .header('cache-control', 'no-store')
        .type('application/json; charset=utf-8')
        .send(json)
    })
  },
  { name: 'health' },
)

/** The body of `/health/ready`, before JSON makes strings of its dates. */
export type ReadyReply = ReturnType<typeof describeReadiness>

/**
 * Describes the service as ready if `Readiness` does, the tokens of callers can be verified, and it was not told to end.
 * `hsm` and `certificate` are those of the default signer, or of the first one where there is no default. Anybody who
 * reaches the service may read all of it.
 */
function describeReadiness({ signers, readiness, reloading, access, auditLog, isClosing }: HealthOptions) {
  const closing = isClosing()
  const statuses = readiness.check()
  const [first] = signers.all() as [ReturnType<Signers['all']>[number]]
  const { state, since, reason, sessions, queued } = first.status()
  const { since: takenOver, last } = reloading.status
  const isReady = readiness.isReady(statuses) && access.isReady && auditLog?.problem === undefined
  return {
    status: isReady && !closing ? 'ready' : 'not ready',
    closing,
    hsm: { state, since, reason, sessions, queued },
    certificate: describeValidity(first.knownCertificate()?.validity),
    signers: Object.fromEntries(statuses.map((status) => [status.name, describeSigner(status)])),
    access: {
      kind: access.kind,
      reason: access.isReady ? undefined : 'the keys that verify tokens were not fetched yet',
    },
    audit: auditLog && {
      state: auditLog.problem === undefined ? 'recording' : 'unavailable',
      reason: auditLog.problem,
    },
    configuration: { since: takenOver, reload: last },
  }
}

function describeSigner({ state, since, reason, token, notAfter }: SignerStatus) {
  return { state, since, reason, token, certificate: notAfter && { notAfter } }
}

/** @param validity the periods of all certificates of the chain; undefined while these are not known */
function describeValidity(validity: readonly ValidityPeriod[] | undefined) {
  return validity === undefined
    ? { valid: false }
    : { valid: findInvalidity(validity, new Date()) === undefined, notAfter: earliestNotAfter(validity) }
}
