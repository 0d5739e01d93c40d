import type { X509Certificate } from 'node:crypto'
import { hasIssuerName } from '../issuer-match.ts'
import { describeIssuer, describeSubject } from '../validity.ts'

/**
 * Returns a warning for a chain that does not reach a root.
 *
 * @param path leaf first
 * @param files all certificates but the leaf
 */
export function describeMissingIssuer(
  path: readonly X509Certificate[],
  files: readonly X509Certificate[],
): string {
  const last = path.at(-1) as X509Certificate
  const missing =
    `the chain is incomplete: missing is the certificate of ${describeIssuer(last)}, which issued that of ` +
    `${describeSubject(last)}; add it to the CA certificates, so that validators find their way to the root`
  const unused = new Map(files.map((certificate) => [certificate.fingerprint256, certificate]))
  for (const { fingerprint256 } of path) {
    unused.delete(fingerprint256)
  }
  if (unused.size === 0) {
    return missing
  }
  if ([...unused.values()].some((certificate) => hasIssuerName(last, certificate))) {
    return `${missing} (there is one of that name, but it did not issue this one: look for an older or a newer one)`
  }
  const others = unused.size === 1 ? '1 other certificate is' : `${unused.size} other certificates are`
  return `${missing} (${others} there, but not connected to it: the missing one may be the one in between)`
}
