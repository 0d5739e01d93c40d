/** Finds what is not as it should be, and says what to do about it. */
import type { Access } from '../access/access.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { PoolStatus } from '../pkcs11/pool/session-pool.ts'
import type { SignerStatus } from '../signers/readiness.ts'
import type { ReloadStatus } from '../signers/reloading.ts'
import { ADVICE, adviceOn, STATE_ADVICE } from './advice.ts'
import { MINUTES, type Past } from './history.ts'

/** Days before the end of a certificate from which on somebody should renew it; the log begins to warn then, too. */
const RENEWAL_DAYS = 30
/** Signers of one trouble that are named. */
const NAMED = 5

export interface Trouble {
  /** True if requests are refused because of it. */
  readonly isGrave: boolean
  readonly what: string
  /** Advice, in Markdown. */
  readonly advice: string
  /** Error code that it is about. */
  readonly code?: string
}

export interface SignerRow extends SignerStatus {
  /** Days until the first certificate of its chain expires; undefined while that is not known. */
  readonly daysLeft: number | undefined
}

export interface Facts {
  readonly rows: readonly SignerRow[]
  readonly tokens: readonly ({ readonly token: string } & PoolStatus)[]
  readonly past: Past
  readonly access: Pick<Access, 'isReady'>
  readonly auditLog: Pick<AuditLog, 'problem'> | undefined
  readonly isClosing: boolean
  readonly isReady: boolean
  readonly reload: ReloadStatus['last']
  readonly tlsDaysLeft: number | undefined
}

/** Returns all troubles, the gravest first; those that many signers have in common are one. */
export function findTroubles(facts: Facts): Trouble[] {
  const found = [
    ...findTroublesOfService(facts),
    ...findSignersThatDoNotSign(facts),
    ...findFailures(facts.past),
    ...findHangingSessions(facts),
    ...findEndingCertificates(facts),
    ...findRefusedReload(facts),
  ]
  return found.toSorted((one, other) => Number(other.isGrave) - Number(one.isGrave))
}

function* findTroublesOfService({ rows, auditLog, access, isClosing, isReady }: Facts): Generator<Trouble> {
  if (isClosing) {
    const what = 'The service was told to end: it finishes what it has accepted.'
    yield { isGrave: true, what, advice: STATE_ADVICE.closing }
  }
  if (auditLog?.problem !== undefined) {
    const what = `Nothing is signed, since decisions cannot be recorded: ${auditLog.problem}.`
    yield { isGrave: true, what, advice: ADVICE.AUDIT_UNAVAILABLE }
  }
  if (!access.isReady) {
    const what = 'Nothing is signed, since the keys that verify tokens of callers were not fetched yet.'
    yield { isGrave: true, what, advice: ADVICE.ACCESS_UNAVAILABLE }
  }
  if (!isReady && rows.some(({ state }) => state === 'ready')) {
    const advice =
      'See below what the default signer waits for. Load balancers send nothing here until it has signed once'
    yield { isGrave: true, what: '/health/ready says that the service is not ready yet.', advice }
  }
}

function* findSignersThatDoNotSign({ rows }: Facts): Generator<Trouble> {
  const alike = new Map<string, SignerRow[]>()
  for (const row of rows.filter(({ state }) => state !== 'ready')) {
    const key = JSON.stringify([row.state, row.reason])
    const group = alike.get(key) ?? []
    group.push(row)
    alike.set(key, group)
  }
  for (const signers of alike.values()) {
    const [{ state, reason }] = signers as [SignerRow]
    const why = reason === undefined ? state : `${state} (${reason})`
    const what = `${listNames(signers.map(({ name }) => name))} not sign: ${why}.`
    yield { isGrave: true, what, advice: STATE_ADVICE[state as keyof typeof STATE_ADVICE] }
  }
}

function* findFailures({ errors, shortfalls }: Past): Generator<Trouble> {
  for (const { code, recent } of errors.filter(({ statusCode, recent }) => statusCode >= 500 && recent > 0)) {
    const what = `${plural(recent, 'request')} failed in the last ${MINUTES} minutes with`
    yield { isGrave: false, what, advice: adviceOn(code), code }
  }
  for (const [code, count] of shortfalls) {
    const what = `${plural(count, 'container')} of the last ${MINUTES} minutes ended below the level of the signer, for`
    yield { isGrave: false, what, advice: adviceOn(code), code }
  }
}

function* findHangingSessions({ tokens }: Facts): Generator<Trouble> {
  for (const { token, sessions } of tokens.filter(({ sessions }) => sessions.zombie > 0)) {
    const hang = sessions.zombie === 1 ? 'hangs' : 'hang'
    const what = `${plural(sessions.zombie, 'session')} of token ${token} ${hang} in a call to the HSM.`
    const advice =
      'Others take their place by themselves. If it lasts, see whether the HSM or the network is slow'
    yield { isGrave: false, what, advice }
  }
}

function* findEndingCertificates({ rows, tlsDaysLeft }: Facts): Generator<Trouble> {
  const ending = rows
    .filter(({ state, daysLeft = RENEWAL_DAYS }) => state === 'ready' && daysLeft < RENEWAL_DAYS)
    .toSorted((one, other) => Number(one.daysLeft) - Number(other.daysLeft))
  const names = ending.map(({ name, daysLeft = 0 }) => `${name} (${plural(daysLeft, 'day')} left)`)
  const renew =
    'Renew it, and replace its file, which is taken over without a restart. From its end on, nothing is signed'
  if (names.length > 0) {
    yield { isGrave: false, what: `A certificate ends soon: ${listSome(names)}.`, advice: renew }
  }
  if (tlsDaysLeft !== undefined && tlsDaysLeft < RENEWAL_DAYS) {
    const end = tlsDaysLeft < 0 ? 'has ended' : `ends in ${plural(tlsDaysLeft, 'day')}`
    const what = `The TLS certificate of the port ${end}.`
    const advice = 'Renew it, and replace its file, which is taken over without a restart'
    yield { isGrave: tlsDaysLeft < 0, what, advice }
  }
}

function* findRefusedReload({ reload }: Facts): Generator<Trouble> {
  if (reload?.outcome === 'refused') {
    const what = 'The last change of the signers was refused, and the configuration before it is in use.'
    const advice = 'Correct what the log names: after a restart nothing would be signed'
    yield { isGrave: false, what, advice }
  } else if (reload?.outcome === 'pending') {
    const why = reload.reason === undefined ? '' : `: ${reload.reason}`
    const what = `A change of the signers waits, and the configuration before it is in use${why}.`
    yield { isGrave: false, what, advice: 'It is tried again by itself: the log says what it waits for' }
  }
}

/** Returns `Signer a does`, or `2 signers (a, b) do`. */
function listNames(names: readonly string[]): string {
  return names.length === 1 ? `Signer ${names[0]} does` : `${names.length} signers (${listSome(names)}) do`
}

function listSome(items: readonly string[]): string {
  const named = items.slice(0, NAMED).join(', ')
  return items.length > NAMED ? `${named} and ${items.length - NAMED} more` : named
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
