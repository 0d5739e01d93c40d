import type { X509Certificate } from 'node:crypto'

/** A signer certificate's issuers. */
export interface Chain {
  /** Nearest first; without the leaf, with the root where it is known. */
  readonly issuers: readonly X509Certificate[]
  /** Whether the last one is self-signed: a validator can only build on a chain that reaches its trust anchor. */
  readonly complete: boolean
}

/**
 * Builds the path from `leaf` upwards out of candidates in any order (RFC 5280 6.1: names chain and each signature
 * verifies). Of several paths, as cross-signed CAs give, one that reaches a self-signed root wins, then the longest;
 * candidates that are no issuer of the leaf are left out.
 */
export function buildChain(leaf: X509Certificate, candidates: readonly X509Certificate[]): Chain {
  if (isSelfSigned(leaf)) {
    return { issuers: [], complete: true }
  }
  let best: Chain = { issuers: [], complete: false }
  for (const issuer of candidates) {
    if (!isIssuedBy(leaf, issuer)) {
      continue
    }
    const rest = candidates.filter((candidate) => !candidate.raw.equals(issuer.raw))
    const above = buildChain(issuer, rest)
    const chain = { issuers: [issuer, ...above.issuers], complete: above.complete }
    if (isBetter(chain, best)) {
      best = chain
    }
  }
  return best
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate)
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function isBetter(chain: Chain, than: Chain): boolean {
  return chain.complete === than.complete ? chain.issuers.length > than.issuers.length : chain.complete
}
