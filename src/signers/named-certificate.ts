import type { CertificateDigest } from '../cms/signing-certificate.ts'
import type { SigningKey } from './signing-key.ts'

/** Returns whether all digests by which signed attributes name their certificate are those of the signer's. */
export function isNamedBy(
  named: readonly CertificateDigest[],
  key: Pick<SigningKey, 'knownSigner'>,
): boolean {
  const digests = key.knownSigner()?.digests
  return named.every(({ hashAlgorithm, digest }) => digests?.get(hashAlgorithm.name)?.equals(digest) === true)
}
