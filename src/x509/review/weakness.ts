import type { ReviewedCertificate } from './reviewed-certificate.ts'

/** Ways to forge signatures that a certificate vouches for. Each message follows the certificate's name. */
export interface Weakness {
  readonly key: string | undefined
  readonly signature: string | undefined
}

/** Finds a weak key or signature. The signature of a self-signed certificate does not matter: nobody relies on it. */
export function findWeakness({ weakKey, weakHash, selfSigned }: ReviewedCertificate): Weakness {
  return {
    key: weakKey && `has a key that is not secure, ${weakKey}`,
    signature: weakHash && !selfSigned ? `is signed with ${weakHash}, which can be forged` : undefined,
  }
}
