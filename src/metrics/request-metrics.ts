/** Counts HTTP requests and signatures by their outcomes. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Level } from '../configuration/container-configuration.ts'
import { DURATION_BUCKETS } from './duration-buckets.ts'

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

export interface EndedRequest {
  readonly method: string
  /** Pattern of the route, never the address; undefined if there is none. */
  readonly route: string | undefined
  /** Undefined if the client left before it was answered. */
  readonly statusCode: number | undefined
  readonly seconds: number
}

export class RequestMetrics {
  readonly #durations: Histogram<'method' | 'route' | 'status_code'>
  readonly #signatures: Counter<keyof RequestedSignature | 'outcome'>
  readonly #containers: Counter<'signer' | keyof MadeContainer>

  constructor(registry: Registry) {
    this.#durations = new Histogram({
      name: 'signing_service_http_request_duration_seconds',
      help: 'Time from the headers of a request until its answer was handed over.',
      labelNames: ['method', 'route', 'status_code'],
      buckets: DURATION_BUCKETS,
      registers: [registry],
    })
    this.#signatures = new Counter({
      name: 'signing_service_signatures_total',
      help: 'Requests for a signature that were understood, by what became of them.',
      labelNames: ['signer', 'container', 'hash', 'outcome'],
      registers: [registry],
    })
    this.#containers = new Counter({
      name: 'signing_service_containers_total',
      help: 'Containers that were made, by their level; with the code of the error that kept them from a higher one.',
      labelNames: ['signer', 'level', 'shortfall'],
      registers: [registry],
    })
  }

  countRequest({ method, route = 'none', statusCode, seconds }: EndedRequest): void {
    const labels = {
      method: METHODS.includes(method) ? method : 'other',
      route,
      status_code: statusCode ?? 'none',
    }
    this.#durations.observe(labels, seconds)
  }

  /** @param outcome `signed`, `client_left`, `signed_unanswered`, or the error's code */
  countSignature(asked: RequestedSignature, outcome: string): void {
    this.#signatures.inc({ ...asked, outcome })
  }

  countContainer({ signer }: RequestedSignature, { level, shortfall = 'none' }: MadeContainer): void {
    this.#containers.inc({ signer, level, shortfall })
  }
}
