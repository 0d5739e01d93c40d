import type { BaseLogger } from 'pino'
import type { Proxies } from '../common/proxies.ts'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import type { TimestampConfiguration } from '../configuration/container-configuration.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'
import { Timestamper, type TimestampObserver } from '../timestamp/timestamper.ts'
import { findPathWarnings } from '../x509/review/certificate-review.ts'

type Authorities = TimestampConfiguration['authorities']

export interface TimestampersOptions {
  readonly observer: TimestampObserver
  readonly log: BaseLogger
  readonly proxies: Proxies
  readonly revocations: Pick<RevocationService, 'revoked'>
  /** Called when an authority with trust anchors has sent certificates that it had not sent before. */
  onProbed(): void
}

/** Holds one timestamper for each list of authorities, whose connections and state several signers may share. */
export class Timestampers {
  readonly #options: TimestampersOptions
  readonly #timestampers = new Map<string, Timestamper>()

  constructor(options: TimestampersOptions) {
    this.#options = options
  }

  for(authorities: Authorities): Timestamper {
    const id = identify(authorities)
    const known = this.#timestampers.get(id) ?? this.#create(authorities)
    this.#timestampers.set(id, known)
    return known
  }

  /** Closes all timestampers but the used ones. */
  keep(used: ReadonlySet<unknown>): void {
    for (const [id, timestamper] of this.#timestampers) {
      if (!used.has(timestamper)) {
        timestamper.close()
        this.#timestampers.delete(id)
      }
    }
  }

  #create(authorities: Authorities): Timestamper {
    const { observer, onProbed, proxies, revocations, log } = this.#options
    // Each has its own: what one of them said hides nothing about another at the same host, such as that of a reload
    const warning = new RepeatedWarning(log)
    return new Timestamper({
      authorities,
      proxies,
      findRevoked: (path) => revocations.revoked(path),
      observer: {
        asked: (authority, seconds, outcome, problem, trace) => {
          observer.asked(authority, seconds, outcome, problem, trace)
          if (problem !== undefined) {
            // The message varies with times and answers, so that it does not identify the problem
            const about = `${authority} ${outcome}`
            warning.warn(`No timestamp: ${problem}`, { authority, outcome }, about)
          }
        },
        passedOver: (authority, problem) =>
          warning.warn(`No timestamp for level b-lt: ${problem}`, { authority }),
        introduced: (authority, path, anchored) => {
          for (const problem of findPathWarnings(path)) {
            log.warn({ authority }, `Some validators may not take timestamps of ${authority}: ${problem}`)
          }
          if (anchored) {
            onProbed()
          }
        },
      },
    })
  }
}

/** Returns an identifier of authorities. It has no password, of which only the environment holds one. */
function identify(authorities: Authorities): string {
  return JSON.stringify(
    authorities.map(({ hashAlgorithm, trustAnchors, url, ...rest }) => ({
      ...rest,
      url: url.href,
      hash: hashAlgorithm.name,
      anchors: trustAnchors.map(({ fingerprint256 }) => fingerprint256),
    })),
  )
}
