/** How the pool and the certificates are at the moment: asked at each scrape, so that nothing needs to be kept up. */
import { Gauge, type Registry } from 'prom-client'
import { DEFAULT_SIGNER } from '../signers/signer.ts'
import type { SigningKey } from '../signers/signing-key.ts'
import { earliestNotAfter } from '../signers/validity.ts'

const MS_PER_DAY = 86_400_000

export interface GaugedSigningKey {
  readonly signingKey: Pick<SigningKey, 'status' | 'knownSigner'>
  /** Requests that may wait for a session. */
  readonly queueLimit: number
}

export function registerSigningKeyGauges(registry: Registry, gauged: GaugedSigningKey): void {
  registerPoolGauges(registry, gauged)
  registerCertificateGauges(registry, gauged)
}

function registerPoolGauges(registry: Registry, { signingKey, queueLimit }: GaugedSigningKey): void {
  const registers = [registry]
  new Gauge({
    name: 'signing_service_hsm_ready',
    help: '1 while the token is logged in and the last test signature verified, else 0.',
    registers,
    collect() {
      this.set(signingKey.status().state === 'ready' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'signing_service_hsm_sessions',
    help: 'Sessions of the pool, by what they do.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(signingKey.status().sessions)) {
        this.set({ state }, count)
      }
    },
  })
  new Gauge({
    name: 'signing_service_hsm_queue_length',
    help: 'Requests that wait for a session.',
    registers,
    collect() {
      this.set(signingKey.status().queued)
    },
  })
  new Gauge({
    name: 'signing_service_hsm_queue_limit',
    help: 'Requests that may wait for a session before others are refused.',
    registers,
  }).set(queueLimit)
}

/** Without values as long as the certificate, which may be on the token, is not known. */
function registerCertificateGauges(registry: Registry, { signingKey }: GaugedSigningKey): void {
  const end = () => {
    const known = signingKey.knownSigner()
    return known === undefined ? [] : [earliestNotAfter(known.validity).getTime()]
  }
  new Gauge({
    name: 'signing_service_certificate_days_left',
    help: 'Days until the first certificate of the chain expires; negative afterwards.',
    labelNames: ['signer'],
    registers: [registry],
    collect() {
      for (const notAfter of end()) {
        this.set({ signer: DEFAULT_SIGNER }, (notAfter - Date.now()) / MS_PER_DAY)
      }
    },
  })
  new Gauge({
    name: 'signing_service_certificate_expiry_timestamp_seconds',
    help: 'When the first certificate of the chain expires, in seconds since 1970.',
    labelNames: ['signer'],
    registers: [registry],
    collect() {
      for (const notAfter of end()) {
        this.set({ signer: DEFAULT_SIGNER }, notAfter / 1000)
      }
    },
  })
}
