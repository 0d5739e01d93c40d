/** Counts refusals by the code of `errors.ts`, also of requests that are refused before it is known what they ask for. */
import type { Counter, Registry } from 'prom-client'
import { ERROR_TYPES } from '../common/error-types.ts'
import { registerCounter, startAtZero } from './registration.ts'

/** Registers the counter of refusals, in which each code starts at 0. */
export function createRefusalCounter(registry: Registry): Counter<'code' | 'status_code'> {
  const refusals = registerCounter(
    registry,
    'signing_service_refusals_total',
    'Requests that were refused, by the code and the status of the answer.',
    { code: [], status_code: [] },
  )
  for (const { code, statusCode } of ERROR_TYPES.map((type) => new type())) {
    startAtZero(refusals, { code: [code], status_code: [`${statusCode}`] })
  }
  return refusals
}
