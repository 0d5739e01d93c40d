import type { GeneralName, RelativeDistinguishedNames } from 'pkijs'
import type { ExtendedKeyUsage } from '../issuing/extensions.ts'
import type { KeyOptions } from '../signing/configuration.ts'

/** Longest validity, in days. The CA/Browser Forum allowed it for years, so that validators accept it. */
const MAX_DAYS = 825
export const MAX_DAYS_OF_AUTHORITY = 3650

export interface CertifyOptions extends KeyOptions {
  readonly selfSigned?: boolean
  readonly subject?: RelativeDistinguishedNames
  readonly san?: GeneralName[]
  readonly ca?: boolean
  readonly caCert?: string
  readonly caKey?: string
  readonly days: number
  readonly eku: ExtendedKeyUsage
  readonly ocsp?: string
  readonly crl?: string
  readonly caIssuers?: string
  readonly hash: string
  readonly out?: string
}

/** Returns which arguments do not go together, in words; undefined if all do. */
export function findMisuse(
  request: string | undefined,
  { selfSigned = false, subject, san, ca = false, caCert, days }: CertifyOptions,
): string | undefined {
  if (days > MAX_DAYS && !ca) {
    return `--days is up to ${MAX_DAYS} for the certificate of a signer`
  }
  if (!selfSigned && (subject !== undefined || san !== undefined || ca)) {
    return '--subject, --san and --ca are for --self-signed: a request has a subject and names of its own'
  }
  if (selfSigned && request !== undefined) {
    return '--self-signed certifies a key on the token, not a request'
  }
  const complete = selfSigned ? subject !== undefined : request !== undefined && caCert !== undefined
  return complete ? undefined : 'needed is a request with --ca-cert, or --self-signed with --subject'
}
