import type { X509Certificate } from 'node:crypto'
import { earliestNotAfter, validityPeriod } from '../x509/validity.ts'

/** Chains that are kept. The units of a large authority have a certificate each, and take turns. */
const MAX_CHAINS = 8

interface KnownChain {
  /** The certificates of a token, DER, one after another. */
  readonly encoded: Buffer
  readonly path: readonly X509Certificate[]
  /** The period in which the whole path is valid, in ms since 1970. */
  readonly from: number
  readonly until: number
}

/**
 * Keeps the chains of an authority that were verified. It sends the same ones again and again, and tracing them anew
 * costs more than all other checks.
 */
export class KnownChains {
  /** The latest first. */
  #known: readonly KnownChain[] = []

  /** Paths from the signer to the anchor, the newest first. */
  get paths(): readonly (readonly X509Certificate[])[] {
    return this.#known.map(({ path }) => path)
  }

  /**
   * Finds the path of certificates that came before, if the whole path is valid.
   *
   * @param certificates the certificates of a token, the signer's first
   */
  find(certificates: readonly X509Certificate[], at: Date): readonly X509Certificate[] | undefined {
    const time = at.getTime()
    const encoded = encode(certificates)
    return this.#known.find((one) => time >= one.from && time <= one.until && one.encoded.equals(encoded))
      ?.path
  }

  /**
   * Keeps the path of certificates.
   *
   * @param certificates the certificates of a token, the signer's first
   * @param path from the signer to the anchor
   */
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
