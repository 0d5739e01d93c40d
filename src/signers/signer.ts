/** Who signs: a certificate, its chain, and when they are valid. The key that belongs to it is on the token. */
import { type KeyObject, X509Certificate } from 'node:crypto'
import type { SignerConfiguration } from '../config.ts'
import { ConfigurationError } from '../errors.ts'
import { EncodedCertificate } from '../signature/encoded-certificate.ts'
import { fingerprint } from '../signature/fingerprint.ts'
import { encodePublicKey } from '../signature/public-key.ts'
import { buildChain, type Chain } from './chain.ts'
import { describeUnsupportedKey } from './key-type.ts'
import { type ValidityPeriod, validityPeriod } from './validity.ts'

/** What metrics call the only signer there is. */
export const DEFAULT_SIGNER = 'default'

export interface Signer extends Chain {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
  /** The certificate and its issuers, ready to be put into containers. */
  readonly encoded: readonly [EncodedCertificate, ...EncodedCertificate[]]
  /** Of the certificate and its issuers. */
  readonly validity: readonly ValidityPeriod[]
}

/**
 * The signer that the certificate files describe; undefined when its certificate is to be found on the token.
 *
 * @throws ConfigurationError when a certificate of the chain cannot be put into containers
 */
export function signerFromFiles({ certificates, caCertificates }: SignerConfiguration): Signer | undefined {
  const [leaf, ...following] = certificates ?? []
  return leaf === undefined ? undefined : createSigner(leaf, following, caCertificates)
}

/**
 * The signer whose certificate object lies on the token.
 *
 * @param certificate DER
 * @throws ConfigurationError when its key is not one that can sign here, or it cannot be put into containers
 */
export function signerFromToken(certificate: Uint8Array, { caCertificates }: SignerConfiguration): Signer {
  const leaf = new X509Certificate(certificate)
  const problem = describeUnsupportedKey(leaf)
  if (problem !== undefined) {
    throw new ConfigurationError([
      { variable: 'SIGNER_CERTIFICATE_FILE', message: `on the token: ${problem}` },
    ])
  }
  return createSigner(leaf, [], caCertificates)
}

/**
 * Makes sure that the certificate is that of the key.
 *
 * @param publicKey DER SubjectPublicKeyInfo of the key; where the token does not show it, the first test signature
 *   tells
 * @throws ConfigurationError with the fingerprints of both
 */
export function checkKeyMatches({ publicKey: expected }: Signer, publicKey: Uint8Array | undefined): void {
  const certified = encodePublicKey(expected)
  if (publicKey !== undefined && !certified.equals(publicKey)) {
    const message =
      `is not the certificate of the private key: the certificate's public key has the SHA-256 fingerprint ` +
      `${fingerprint(certified)}, the private key's ${fingerprint(publicKey)}; configure the certificate that was ` +
      `issued for this key, or choose the key with HSM_KEY_LABEL or HSM_KEY_ID`
    throw new ConfigurationError([{ variable: 'SIGNER_CERTIFICATE_FILE', message }])
  }
}

/** @param following certificates from where the leaf is from */
function createSigner(
  certificate: X509Certificate,
  following: readonly X509Certificate[],
  caCertificates: readonly X509Certificate[],
): Signer {
  const chain = buildChain(certificate, [...following, ...caCertificates])
  const encodeIssuer = (issuer: X509Certificate) =>
    encode(issuer, following.includes(issuer) ? 'SIGNER_CERTIFICATE_FILE' : 'CA_CERTIFICATES_FILE')
  return {
    ...chain,
    certificate,
    publicKey: certificate.publicKey,
    encoded: [encode(certificate, 'SIGNER_CERTIFICATE_FILE'), ...chain.issuers.map(encodeIssuer)],
    validity: [certificate, ...chain.issuers].map(validityPeriod),
  }
}

/** OpenSSL reads certificates that are not quite as RFC 5280 says. */
function encode(certificate: X509Certificate, variable: string): EncodedCertificate {
  try {
    return new EncodedCertificate(certificate.raw)
  } catch (error) {
    const { subject } = validityPeriod(certificate)
    const message =
      `the certificate of ${subject} is not encoded as containers need it (${(error as Error).message}); ` +
      'have it issued anew'
    throw new ConfigurationError([{ variable, message }])
  }
}
