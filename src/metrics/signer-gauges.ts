/** Registers gauges on the state of pools and signers, which is read at each scrape. */
import type { Registry } from 'prom-client'
import { MS_PER_DAY } from '../common/day.ts'
import type { HsmConfiguration } from '../configuration/configuration.ts'
import type { Readiness } from '../signers/readiness.ts'
import type { Signers } from '../signers/signers.ts'
import { earliestNotAfter } from '../x509/validity.ts'
import { registerGauge } from './registration.ts'

/** Registers the gauges of tokens and signers. Those of certificates have no values while these are not known. */
export function registerSignerGauges(
  registry: Registry,
  signers: Pick<Signers, 'all' | 'pools'>,
  readiness: Pick<Readiness, 'check'>,
  { queueLimit, timeoutMs }: Pick<HsmConfiguration, 'queueLimit' | 'timeoutMs'>,
): void {
  const statuses = () => [...signers.pools()].map(([token, { pool }]) => ({ token, ...pool.status() }))
  registerGauge(
    registry,
    'signing_service_hsm_ready',
    '1 while the token is logged in and the last test signature verified, else 0.',
    ['token'],
    () => statuses().map(({ token, state }) => [{ token }, state === 'ready' ? 1 : 0]),
  )
  registerGauge(
    registry,
    'signing_service_hsm_sessions',
    'Sessions of the pool, by what they do.',
    ['token', 'state'],
    () =>
      statuses().flatMap(({ token, sessions }) =>
        Object.entries(sessions).map(([state, count]) => [{ token, state }, count] as const),
      ),
  )
  registerGauge(
    registry,
    'signing_service_hsm_queue_length',
    'Requests that wait for a session.',
    ['token'],
    () => statuses().map(({ token, queued }) => [{ token }, queued]),
  )
  registerGauge(
    registry,
    'signing_service_hsm_queue_limit',
    'Requests that may wait for a session before others are refused, for each token.',
    [],
    () => [[{}, queueLimit]],
  )
  registerGauge(
    registry,
    'signing_service_hsm_timeout_seconds',
    'Time that a request for a signature may take: HSM_TIMEOUT_MS.',
    [],
    () => [[{}, timeoutMs / 1000]],
  )
  registerGauge(
    registry,
    'signing_service_signer_ready',
    '1 while requests to the signer are signed, else 0; /health/ready says why not.',
    ['signer'],
    () => readiness.check().map(({ name, state }) => [{ signer: name }, state === 'ready' ? 1 : 0]),
  )
  const ends = () =>
    signers.all().flatMap((signer) => {
      const known = signer.knownCertificate()
      return known ? [{ signer: signer.name, notAfter: earliestNotAfter(known.validity).getTime() }] : []
    })
  registerGauge(
    registry,
    'signing_service_certificate_days_left',
    'Days until the first certificate of the chain expires; negative afterwards.',
    ['signer'],
    () => ends().map(({ signer, notAfter }) => [{ signer }, (notAfter - Date.now()) / MS_PER_DAY]),
  )
  registerGauge(
    registry,
    'signing_service_certificate_expiry_timestamp_seconds',
    'When the first certificate of the chain expires, in seconds since 1970.',
    ['signer'],
    () => ends().map(({ signer, notAfter }) => [{ signer }, notAfter / 1000]),
  )
}

/**
 * Registers gauges on revocation, which have no values while a certificate, which may be on the token, is not known.
 *
 * @param maxAgeMs age at which sources are asked again, in ms
 */
export function registerRevocationGauges(
  registry: Registry,
  signers: Pick<Signers, 'all'>,
  maxAgeMs: number,
): void {
  const known = () =>
    signers.all().flatMap((signer) => {
      const { name, container, sources } = signer
      const path = signer.knownCertificate()?.path
      return path ? [{ signer: name, level: container.level, ...sources.revocations.information(path) }] : []
    })
  // Other signers do not need it, and their certificates may name no source
  const needed = () => known().filter(({ level }) => level === 'b-lt')
  registerGauge(
    registry,
    'signing_service_certificate_revoked',
    '1 while a certificate of the chain is known to be revoked, else 0.',
    ['signer'],
    () => known().map(({ signer, revoked }) => [{ signer }, revoked === undefined ? 0 : 1]),
  )
  registerGauge(
    registry,
    'signing_service_revocation_information_age_seconds',
    'Time since the last answer about that certificate of the chain of which there is none for longest.',
    ['signer'],
    () =>
      known()
        .filter(({ answeredAt }) => answeredAt !== undefined)
        .map(({ signer, answeredAt }) => [{ signer }, (Date.now() - Number(answeredAt)) / 1000]),
  )
  registerGauge(
    registry,
    'signing_service_revocation_max_age_seconds',
    'Age at which sources of revocation information are asked again: REVOCATION_MAX_AGE.',
    [],
    () => [[{}, maxAgeMs / 1000]],
  )
  registerGauge(
    registry,
    'signing_service_revocation_information_complete',
    '1 while there is fresh revocation information about each certificate of the chain, else 0; for level b-lt.',
    ['signer'],
    () => needed().map(({ signer, complete }) => [{ signer }, complete ? 1 : 0]),
  )
  registerGauge(
    registry,
    'signing_service_revocation_information_expiry_timestamp_seconds',
    'When the first OCSP response or CRL about the chain ceases to be fresh, in seconds since 1970.',
    ['signer'],
    () =>
      needed()
        .filter(({ nextUpdate }) => nextUpdate !== undefined)
        .map(({ signer, nextUpdate }) => [{ signer }, Number(nextUpdate) / 1000]),
  )
}
