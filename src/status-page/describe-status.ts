/** Gathers what the page shows. None of it is secret: no PIN, path, address, or name of a caller is among it. */
import type { Registry } from 'prom-client'
import type { Access } from '../access/access.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import { MS_PER_DAY } from '../common/day.ts'
import type { Readiness } from '../signers/readiness.ts'
import type { Reloading } from '../signers/reloading.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { describeIssuer, describeSubject } from '../x509/validity.ts'
import { findTroubles, type SignerRow } from './find-troubles.ts'
import type { History } from './history.ts'

/** Signers, and tokens, that are shown one by one. */
const SHOWN = 50

export interface StatusSources {
  readonly signers: Pick<Signers, 'all' | 'pools'>
  readonly readiness: Pick<Readiness, 'check' | 'isReady'>
  readonly reloading: Pick<Reloading, 'status'>
  readonly access: Pick<Access, 'kind' | 'isReady'>
  /** Absent if nothing is recorded. */
  readonly auditLog: Pick<AuditLog, 'problem'> | undefined
  readonly history: Pick<History, 'read'>
  readonly registry: Registry
  /** Most requests that may wait for a session of one token. */
  readonly queueLimit: number
  isClosing(): boolean
}

/** Returns what the page shows, those signers and tokens first that need somebody. */
export async function describeStatus(sources: StatusSources) {
  const { readiness, signers, access, auditLog, history, reloading, queueLimit } = sources
  const now = new Date()
  const statuses = readiness.check()
  const rows = statuses.map((status): SignerRow => ({ ...status, daysLeft: daysUntil(status.notAfter, now) }))
  const pools = [...signers.pools()].map(([token, { pool }]) => ({ token, ...pool.status() }))
  const tokens = pools.toSorted(
    (one, other) => Number(one.state === 'ready') - Number(other.state === 'ready'),
  )
  const canSign = access.isReady && auditLog?.problem === undefined
  const past = history.read()
  const facts = {
    now,
    past,
    signerCount: rows.length,
    /** Number of signers whose requests are signed. */
    signing: canSign ? rows.filter(({ state }) => state === 'ready').length : 0,
    access: access.kind,
    hasAuditLog: auditLog !== undefined,
    configurationSince: reloading.status.since,
    queueLimit,
    isClosing: sources.isClosing(),
  }
  const known = new Map(signers.all().map((signer) => [signer.name, signer]))
  const troubles = findTroubles({
    ...{ rows, tokens, past, access, auditLog },
    isClosing: facts.isClosing,
    isReady: readiness.isReady(statuses),
    reload: reloading.status.last,
    tlsDaysLeft: await readTlsDaysLeft(sources.registry),
  })
  return {
    ...facts,
    troubles,
    signers: rows
      .toSorted((one, other) => urgencyOf(other) - urgencyOf(one))
      .slice(0, SHOWN)
      .map((row) => ({ ...row, ...describeSigner(known.get(row.name)) })),
    tokens: tokens.slice(0, SHOWN),
    tokenCount: tokens.length,
  }
}

export type Status = Awaited<ReturnType<typeof describeStatus>>

/** @param signer undefined where a reload has just removed it */
function describeSigner(signer: Signer | undefined) {
  const known = signer?.knownCertificate()
  return {
    level: signer?.container.level,
    algorithm: known?.algorithm.name,
    subject: known && describeSubject(known.certificate),
    issuer: known && describeIssuer(known.certificate),
  }
}

function daysUntil(end: Date | undefined, now: Date): number | undefined {
  return end && Math.floor((end.getTime() - now.getTime()) / MS_PER_DAY)
}

/** Returns a number that is the higher the sooner somebody has to look at a signer. */
function urgencyOf({ state, daysLeft = 0 }: SignerRow): number {
  return state === 'ready' ? -daysLeft : Number.POSITIVE_INFINITY
}

/** Returns the days until the certificate of the port expires; undefined without TLS. */
async function readTlsDaysLeft(registry: Registry): Promise<number | undefined> {
  const gauge = await registry.getSingleMetric('signing_service_tls_certificate_days_left')?.get()
  const value = gauge?.values[0]?.value
  return value === undefined ? undefined : Math.floor(value)
}
