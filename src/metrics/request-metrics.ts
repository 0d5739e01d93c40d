import type { Registry } from 'prom-client'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Level } from '../configuration/container-configuration.ts'
import { registerCounter, registerDurations } from './registration.ts'

/** Methods that become label values. A caller can make up others. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The signature that a valid request asks for. */
export interface RequestedSignature {
  readonly signer: string
  readonly container: 'raw' | 'pkcs7'
  readonly hash: HashAlgorithm['name']
}

export interface MadeContainer {
  readonly level: Level
  /** Code of the error because of which the container lacks its configured level; absent if it has it. */
  readonly shortfall?: string
}

/** Counts HTTP requests and signatures by their outcomes. */
export function createRequestMetrics(registry: Registry) {
  const durations = registerDurations(
    registry,
    'signing_service_http_request_duration_seconds',
    'Time from the headers of a request until its answer was handed over.',
    { method: [], route: [], status_code: [] },
  )
  const signatures = registerCounter(
    registry,
    'signing_service_signatures_total',
    'Requests for a signature that were understood, by what became of them.',
    { signer: [], container: [], hash: [], outcome: [] },
  )
  const containers = registerCounter(
    registry,
    'signing_service_containers_total',
    'Containers that were made, by their level; with the code of the error that kept them from a higher one.',
    { signer: [], level: [], shortfall: [] },
  )
  return {
    /**
     * @param route pattern of the route, never the address; undefined if there is none
     * @param statusCode undefined if the client left before it was answered
     */
    countRequest(method: string, route = 'none', statusCode: number | undefined, seconds: number): void {
      const known = METHODS.includes(method) ? method : 'other'
      durations.observe({ method: known, route, status_code: statusCode ?? 'none' }, seconds)
    },
    /** @param outcome `signed`, `client_left`, `signed_unanswered`, or the error's code */
    countSignature(asked: RequestedSignature, outcome: string): void {
      signatures.inc({ ...asked, outcome })
    },
    countContainer({ signer }: RequestedSignature, { level, shortfall = 'none' }: MadeContainer): void {
      containers.inc({ signer, level, shortfall })
    },
  }
}
