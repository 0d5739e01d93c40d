import type { X509Certificate } from 'node:crypto'
import { earliestNotAfter, validityPeriod } from '../x509/validity.ts'

/** Large authorities have several units, each with its certificate, which take turns. */
const MAX_CHAINS = 8

interface KnownChain {
  /** The certificates that were sent, one after another. */
  readonly encoded: Buffer
  readonly path: readonly X509Certificate[]
  /** While all of the path are valid, in milliseconds since 1970. */
  readonly from: number
  readonly until: number
}

/**
 * The certificates that an authority has sent and that were found right. It sends the same ones again and again, and to
 * trace them to an anchor anew costs more than all else that is checked.
 */
export class KnownChains {
  /** The latest first. */
  #known: readonly KnownChain[] = []

  /** Each from the signer to the anchor, the one that came last first. */
  get paths(): readonly (readonly X509Certificate[])[] {
    return this.#known.map(({ path }) => path)
  }

  /**
   * The path, where these are certificates that came before and all of it are valid.
   *
   * @param certificates of a token, the signer's first
   */
  find(certificates: readonly X509Certificate[], at: Date): readonly X509Certificate[] | undefined {
    const time = at.getTime()
    const encoded = encode(certificates)
    return this.#known.find((one) => time >= one.from && time <= one.until && one.encoded.equals(encoded))
      ?.path
  }

  /** @param path that they make up, from the signer to the anchor */
  keep(certificates: readonly X509Certificate[], path: readonly X509Certificate[]): void {
    const periods = path.map(validityPeriod)
    const encoded = encode(certificates)
    const chain = {
      encoded,
      path,
      from: Math.max(...periods.map(({ notBefore }) => notBefore.getTime())),
      until: earliestNotAfter(periods).getTime(),
    }
    const now = Date.now()
    const others = this.#known.filter((one) => one.until >= now && !one.encoded.equals(encoded))
    this.#known = [chain, ...others].slice(0, MAX_CHAINS)
  }
}

function encode(certificates: readonly X509Certificate[]): Buffer {
  return Buffer.concat(certificates.map(({ raw }) => raw))
}
