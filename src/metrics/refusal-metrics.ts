/** Counts refusals by the code of `errors.ts`, also of requests that are refused before it is known what they ask for. */
import type { FastifyErrorConstructor } from '@fastify/error'
import type { Counter, Registry } from 'prom-client'
import * as errors from '../errors.ts'
import { registerCounter, startAtZero } from './registration.ts'

/** Registers the counter of refusals, in which each code starts at 0. */
export function createRefusalCounter(registry: Registry): Counter<'code' | 'status_code'> {
  const refusals = registerCounter(
    registry,
    'signing_service_refusals_total',
    'Requests that were refused, by the code and the status of the answer.',
    { code: [], status_code: [] },
  )
  for (const { code, statusCode } of listRefusals()) {
    startAtZero(refusals, { code: [code], status_code: [`${statusCode}`] })
  }
  return refusals
}

/** Returns code and status of each error that a request can be answered with. */
export function listRefusals(): { readonly code: string; readonly statusCode: number }[] {
  return Object.values(errors).flatMap((value) => {
    if (!isRefusal(value)) {
      return []
    }
    const { code, statusCode } = new value()
    return [{ code, statusCode: Number(statusCode) }]
  })
}

function isRefusal(value: unknown): value is FastifyErrorConstructor {
  const isErrorClass = typeof value === 'function' && value.prototype instanceof Error
  return isErrorClass && value !== errors.ConfigurationError
}
