import type { X509Certificate } from 'node:crypto'
import { earliestNotAfter, validityPeriod } from '../signers/validity.ts'

/**
 * The certificates that an authority sent last and that were found right. It sends the same ones with each token, and
 * to trace them to an anchor anew costs more than all else that is checked.
 */
export class KnownChain {
  #encoded: Buffer = Buffer.alloc(0)
  #path: readonly X509Certificate[] | undefined
  /** While all of the path are valid, in milliseconds since 1970. */
  #from = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY

  /** From the signer to the anchor; undefined as long as there was none. */
  get path(): readonly X509Certificate[] | undefined {
    return this.#path
  }

  /**
   * The path, where these are the same certificates and all of it are valid.
   *
   * @param certificates of a token, the signer's first
   */
  find(certificates: readonly X509Certificate[], at: Date): readonly X509Certificate[] | undefined {
    const time = at.getTime()
    const same = time >= this.#from && time <= this.#until && this.#encoded.equals(encode(certificates))
    return same ? this.#path : undefined
  }

  /** @param path that they make up, from the signer to the anchor */
  keep(certificates: readonly X509Certificate[], path: readonly X509Certificate[]): void {
    const periods = path.map(validityPeriod)
    this.#encoded = encode(certificates)
    this.#path = path
    this.#from = Math.max(...periods.map(({ notBefore }) => notBefore.getTime()))
    this.#until = earliestNotAfter(periods).getTime()
  }
}

function encode(certificates: readonly X509Certificate[]): Buffer {
  return Buffer.concat(certificates.map(({ raw }) => raw))
}
