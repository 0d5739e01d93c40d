import type { ReviewedCertificate } from './reviewed-certificate.ts'

/** Ways to forge what a certificate stands for; each text follows the certificate's name, and is undefined if all is well. */
export interface Weakness {
  readonly key: string | undefined
  readonly signature: string | undefined
}

/** Returns the same for every role. A self-signed certificate is trusted for being known, not for its signature. */
export function findWeakness({ weakKey, weakHash, selfSigned }: ReviewedCertificate): Weakness {
  return {
    key: weakKey && `has a key that is not secure, ${weakKey}`,
    signature: weakHash && !selfSigned ? `is signed with ${weakHash}, which can be forged` : undefined,
  }
}
