import type { ReviewedCertificate } from './reviewed-certificate.ts'

/** What can be broken about a certificate, each to follow its name: "the certificate of CN=a has a key that ...". */
export interface Weakness {
  readonly key: string | undefined
  readonly signature: string | undefined
}

/** Returns the same for every role. A self-signed certificate is trusted for being known, not for its signature. */
export function describeWeakness({ weakKey, weakHash, selfSigned }: ReviewedCertificate): Weakness {
  return {
    key: weakKey && `has a key that is not secure, ${weakKey}`,
    signature: weakHash && !selfSigned ? `is signed with ${weakHash}, which can be forged` : undefined,
  }
}
