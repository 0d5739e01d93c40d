import type { CertificateDigest } from '../cms/signed-attributes-reader.ts'
import type { Signer } from './signer.ts'

/** Returns whether all digests in signed attributes that name a certificate are those of the signer's certificate. */
export function isNamedBy(
  named: readonly CertificateDigest[],
  signer: Pick<Signer, 'knownCertificate'>,
): boolean {
  const digests = signer.knownCertificate()?.digests
  return named.every(({ hashAlgorithm, digest }) => digests?.get(hashAlgorithm.name)?.equals(digest) === true)
}
