import type { BaseLogger } from 'pino'
import type { Proxies } from '../common/proxies.ts'
import { RepeatedWarning } from '../common/repeated-warning.ts'
import type { TimestampConfiguration } from '../configuration/container-configuration.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'
import { Timestamper, type TimestampObserver } from '../timestamp/timestamper.ts'

type Authorities = TimestampConfiguration['authorities']

export interface TimestampersOptions {
  readonly observer: TimestampObserver
  readonly log: BaseLogger
  readonly proxies: Proxies
  readonly revocations: Pick<RevocationService, 'revoked'>
  /** An authority has sent certificates that it had not sent before. */
  onProbed(): void
}

/** Those who are asked for timestamps: signers with the same authorities share their connections, and what is known of them. */
export class Timestampers {
  readonly #options: TimestampersOptions
  readonly #warning: RepeatedWarning
  readonly #timestampers = new Map<string, Timestamper>()

  constructor(options: TimestampersOptions) {
    this.#options = options
    this.#warning = new RepeatedWarning(options.log)
  }

  for(authorities: Authorities): Timestamper {
    const id = identify(authorities)
    const known = this.#timestampers.get(id) ?? this.#create(authorities)
    this.#timestampers.set(id, known)
    return known
  }

  /** Ends the connections of all others. */
  keep(used: ReadonlySet<unknown>): void {
    for (const [id, timestamper] of this.#timestampers) {
      if (!used.has(timestamper)) {
        timestamper.close()
        this.#timestampers.delete(id)
      }
    }
  }

  #create(authorities: Authorities): Timestamper {
    const { observer, onProbed, proxies, revocations } = this.#options
    return new Timestamper({
      authorities,
      proxies,
      findRevocation(path) {
        const revoked = revocations.revoked(path)
        return (
          revoked &&
          `that of ${revoked.subject} was revoked at ${revoked.at.toISOString()} (${revoked.reason})`
        )
      },
      observer: {
        asked: (authority, seconds, outcome, problem) => {
          observer.asked(authority, seconds, outcome, problem)
          if (problem !== undefined) {
            // Problems tell milliseconds, and what others said: each would be new
            const about = `${authority} ${outcome}`
            this.#warning.say(`No timestamp: ${problem}`, { authority, outcome }, about)
          }
        },
        probed: onProbed,
      },
    })
  }
}

/** Two that are described alike are the same. A password is none of them: it is the one of the environment. */
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
