/** A revocation service for tests, which look at it when it has asked. */

import type { X509Certificate } from 'node:crypto'
import pino from 'pino'
import { HttpClient } from '../../src/common/http-client.ts'
import { DEFAULT_LIMITS, type RevocationLimits } from '../../src/revocation/limits.ts'
import type { RevocationInformation } from '../../src/revocation/revocation-information.ts'
import { RevocationService } from '../../src/revocation/revocation-service.ts'

export interface WatchedChain {
  readonly service: RevocationService
  /** `ocsp accepted` and the like, in their order. */
  readonly outcomes: string[]
  /** Messages of the log. */
  readonly messages: string[]
  /** What is known once this is true of it. */
  until(right: (information: RevocationInformation) => boolean): Promise<RevocationInformation>
}

/** Starts to watch one chain. */
export function watchChain(
  certificates: readonly X509Certificate[],
  limits: Partial<RevocationLimits> = {},
): WatchedChain {
  const outcomes: string[] = []
  const messages: string[] = []
  const log = pino({ level: 'info' }, { write: (line) => messages.push(JSON.parse(line).msg) })
  const observer = {
    asked: (source: string, seconds: number, outcome: string) =>
      outcomes.push(`${source} ${outcome}${seconds >= 0 ? '' : ' before it began'}`),
  }
  const service = new RevocationService({
    ...{ log, observer, client: new HttpClient(), limits: { ...DEFAULT_LIMITS, ...limits } },
  })
  service.watch([certificates])
  service.start()
  return {
    service,
    outcomes,
    messages,
    async until(right) {
      for (;;) {
        const information = service.information(certificates)
        if (right(information)) {
          return information
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }
}
