/** Counts requests for OCSP responses and CRLs by their outcomes, and registers gauges on revocation. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { RevocationObserver } from '../revocation/revocation-checker.ts'
import type { Signer } from '../signers/signer.ts'
import type { Signers } from '../signers/signers.ts'
import { DURATION_BUCKETS } from './duration-buckets.ts'
import { registerGauge } from './gauge.ts'

const SOURCES = ['ocsp', 'crl'] as const
const OUTCOMES = ['accepted', 'refused', 'unavailable'] as const

export class RevocationMetrics implements RevocationObserver {
  readonly #requests: Counter<'source' | 'outcome'>
  readonly #durations: Histogram<'source'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.#requests = new Counter({
      name: 'signing_service_revocation_requests_total',
      help: 'Requests to OCSP responders and for CRLs, by what became of them.',
      labelNames: ['source', 'outcome'],
      registers,
    })
    this.#durations = new Histogram({
      name: 'signing_service_revocation_request_duration_seconds',
      help: 'Time until an OCSP responder or a distribution point has answered, or was given up.',
      labelNames: ['source'],
      buckets: DURATION_BUCKETS,
      registers,
    })
    for (const source of SOURCES) {
      this.#durations.zero({ source })
      for (const outcome of OUTCOMES) {
        this.#requests.inc({ source, outcome }, 0)
      }
    }
  }

  asked(source: 'ocsp' | 'crl', seconds: number, outcome: (typeof OUTCOMES)[number]): void {
    this.#requests.inc({ source, outcome })
    this.#durations.observe({ source }, seconds)
  }
}

/** Registers gauges that have no values while a certificate, which may be on the token, is not known. */
export function registerRevocationGauges(registry: Registry, signers: Pick<Signers, 'all'>): void {
  const known = () => signers.all().flatMap(knownInformation)
  // Other signers do not need it, and their certificates may name no source
  const needed = () => known().filter(({ level }) => level === 'b-lt')
  registerGauge(registry, {
    name: 'signing_service_certificate_revoked',
    help: '1 while a certificate of the chain is known to be revoked, else 0.',
    labelNames: ['signer'],
    collect() {
      for (const { signer, revoked } of known()) {
        this.set({ signer }, revoked === undefined ? 0 : 1)
      }
    },
  })
  registerGauge(registry, {
    name: 'signing_service_revocation_information_complete',
    help: '1 while there is fresh revocation information about each certificate of the chain, else 0; for level b-lt.',
    labelNames: ['signer'],
    collect() {
      for (const { signer, complete } of needed()) {
        this.set({ signer }, complete ? 1 : 0)
      }
    },
  })
  registerGauge(registry, {
    name: 'signing_service_revocation_information_expiry_timestamp_seconds',
    help: 'When the first OCSP response or CRL about the chain ceases to be fresh, in seconds since 1970.',
    labelNames: ['signer'],
    collect() {
      for (const { signer, nextUpdate } of needed()) {
        if (nextUpdate !== undefined) {
          this.set({ signer }, nextUpdate.getTime() / 1000)
        }
      }
    },
  })
}

function knownInformation(signer: Pick<Signer, 'name' | 'container' | 'sources' | 'knownCertificate'>) {
  const { name, container, sources } = signer
  const path = signer.knownCertificate()?.path
  return path === undefined
    ? []
    : [{ signer: name, level: container.level, ...sources.revocations.information(path) }]
}
