import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { keepLatest } from './keep-latest.ts'

/** Hosts that are remembered, which is more than a service asks. */
const MAX_HOSTS = 1_000

/**
 * Remembers which address of a host gave the last answer, if that was a good one, and has it tried first. Node.js tries one after
 * another, each for some time, which each new connection would lose at a host whose first address leads nowhere.
 */
export class ReachedAddresses {
  readonly #reached = new Map<string, string>()

  /** @param address that gave a good answer; undefined if none did, so that another one of the host may be tried first */
  note(host: string, address: string | undefined): void {
    if (address === undefined) {
      this.#reached.delete(host)
    } else {
      keepLatest(this.#reached, host, address, MAX_HOSTS)
    }
  }

  /** Returns a lookup whose answers begin with the remembered address. */
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
