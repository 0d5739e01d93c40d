import type { Registry } from 'prom-client'
import { MS_PER_DAY } from '../common/day.ts'
import { registerGauge } from './registration.ts'

/**
 * Registers gauges on the certificate that the port shows.
 *
 * @param notAfter reads when the first certificate of its chain expires
 */
export function registerTlsGauges(registry: Registry, notAfter: () => Date): void {
  registerGauge(
    registry,
    'signing_service_tls_certificate_days_left',
    'Days until the first certificate that the port shows by TLS expires; negative afterwards.',
    [],
    () => [[{}, (notAfter().getTime() - Date.now()) / MS_PER_DAY]],
  )
  registerGauge(
    registry,
    'signing_service_tls_certificate_expiry_timestamp_seconds',
    'When the first certificate that the port shows by TLS expires, in seconds since 1970.',
    [],
    () => [[{}, notAfter().getTime() / 1000]],
  )
}
