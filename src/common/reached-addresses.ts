import type { LookupAddress } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import { keepLatest } from './keep-latest.ts'

/** Hosts that are remembered, which is more than a service asks. */
const MAX_HOSTS = 1_000

/**
 * Remembers at which of its addresses each host was reached last, and has that tried first. Node.js tries one after another, each for
 * some time, which each new connection would lose at a host whose first address leads nowhere.
 */
export class ReachedAddresses {
  readonly #reached = new Map<string, string>()

  /** Notes the address of a connection to a host, once it is there. */
  note(host: string, socket: Socket): void {
    const { remoteAddress } = socket
    if (socket.connecting) {
      socket.once('connect', () => this.note(host, socket))
    } else if (remoteAddress !== undefined) {
      keepLatest(this.#reached, host, remoteAddress, MAX_HOSTS)
    }
  }

  /** Returns a lookup whose answers begin with the address at which the host was reached last. */
  putFirst(lookup: LookupFunction): LookupFunction {
    return (host, options, callback) => {
      lookup(host, options, (error, found, family) => {
        callback(error, Array.isArray(found) ? this.#sort(host, found) : found, family)
      })
    }
  }

  #sort(host: string, found: readonly LookupAddress[]): LookupAddress[] {
    const reached = this.#reached.get(host)
    return found.toSorted((a, b) => Number(b.address === reached) - Number(a.address === reached))
  }
}
