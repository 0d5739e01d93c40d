/** Registers gauges on the state of pools and signers, which is read at each scrape. */
import { Gauge, type Registry } from 'prom-client'
import { MS_PER_DAY } from '../common/day.ts'
import type { Readiness } from '../signers/readiness.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { earliestNotAfter } from '../x509/validity.ts'
import { registerGauge } from './gauge.ts'

export interface SignerGaugeOptions {
  readonly readiness: Pick<Readiness, 'check'>
  readonly signers: Pick<Signers, 'all' | 'pools'>
  /** Most requests that may wait for a session of one token. */
  readonly queueLimit: number
}

export function registerSignerGauges(
  registry: Registry,
  { signers, readiness, queueLimit }: SignerGaugeOptions,
): void {
  registerPoolGauges(registry, signers)
  registerReadiness(registry, readiness)
  registerCertificateGauges(registry, signers)
  new Gauge({
    name: 'signing_service_hsm_queue_limit',
    help: 'Requests that may wait for a session before others are refused, for each token.',
    registers: [registry],
  }).set(queueLimit)
}

function registerPoolGauges(registry: Registry, signers: SignerGaugeOptions['signers']): void {
  registerGauge(registry, {
    name: 'signing_service_hsm_ready',
    help: '1 while the token is logged in and the last test signature verified, else 0.',
    labelNames: ['token'],
    collect() {
      for (const [token, { pool }] of signers.pools()) {
        this.set({ token }, pool.status().state === 'ready' ? 1 : 0)
      }
    },
  })
  registerGauge(registry, {
    name: 'signing_service_hsm_sessions',
    help: 'Sessions of the pool, by what they do.',
    labelNames: ['token', 'state'],
    collect() {
      for (const [token, { pool }] of signers.pools()) {
        for (const [state, count] of Object.entries(pool.status().sessions)) {
          this.set({ token, state }, count)
        }
      }
    },
  })
  registerGauge(registry, {
    name: 'signing_service_hsm_queue_length',
    help: 'Requests that wait for a session.',
    labelNames: ['token'],
    collect() {
      for (const [token, { pool }] of signers.pools()) {
        this.set({ token }, pool.status().queued)
      }
    },
  })
}

function registerReadiness(registry: Registry, readiness: SignerGaugeOptions['readiness']): void {
  registerGauge(registry, {
    name: 'signing_service_signer_ready',
    help: '1 while requests to the signer are signed, else 0; /health/ready says why not.',
    labelNames: ['signer'],
    collect() {
      for (const { name, state } of readiness.check()) {
        this.set({ signer: name }, state === 'ready' ? 1 : 0)
      }
    },
  })
}

/** Registers gauges that have no values while the certificate, which may be on the token, is not known. */
function registerCertificateGauges(registry: Registry, signers: SignerGaugeOptions['signers']): void {
  registerGauge(registry, {
    name: 'signing_service_certificate_days_left',
    help: 'Days until the first certificate of the chain expires; negative afterwards.',
    labelNames: ['signer'],
    collect() {
      for (const [signer, notAfter] of signers.all().flatMap(listExpiry)) {
        this.set({ signer }, (notAfter - Date.now()) / MS_PER_DAY)
      }
    },
  })
  registerGauge(registry, {
    name: 'signing_service_certificate_expiry_timestamp_seconds',
    help: 'When the first certificate of the chain expires, in seconds since 1970.',
    labelNames: ['signer'],
    collect() {
      for (const [signer, notAfter] of signers.all().flatMap(listExpiry)) {
        this.set({ signer }, notAfter / 1000)
      }
    },
  })
}

function listExpiry(
  signer: Pick<Signer, 'name' | 'knownCertificate'>,
): (readonly [name: string, notAfter: number])[] {
  const known = signer.knownCertificate()
  return known === undefined ? [] : [[signer.name, earliestNotAfter(known.validity).getTime()]]
}
