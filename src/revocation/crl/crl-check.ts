import type { X509Certificate } from 'node:crypto'
import { readCertificateFields } from '../../der/certificate-fields.ts'
import { refuseUnknownCritical } from '../../der/extensions.ts'
import { publicKeyOf } from '../../signers/key-type.ts'
import { readCertificateExtensions } from '../../x509/certificate-extensions.ts'
import { sameName } from '../../x509/names.ts'
import { describeWrongSignature } from '../der/signed-object.ts'
import { describeStaleness, type UpdateTimes } from '../der/time.ts'
import { readCrl } from './crl.ts'
import { findRevocations, type Revocations } from './crl-entries.ts'
import { type CrlScope, readCrlScope } from './crl-scope.ts'

const ID_ISSUING_DISTRIBUTION_POINT = '2.5.29.28'
const ID_DELTA_CRL_INDICATOR = '2.5.29.27'
/** Critical where an authority errs, and without a meaning for who looks for entries. */
const ID_CRL_NUMBER = '2.5.29.20'

/** A CRL that may be relied on, and embedded. */
export interface CheckedCrl extends UpdateTimes {
  /** DER CertificateList. */
  readonly der: Buffer
  readonly scope: CrlScope
  /** Serial numbers, contents of INTEGERs in hex, that were looked for. */
  readonly serialNumbers: ReadonlySet<string>
  readonly revocations: Revocations
}

/**
 * Checks a CRL (RFC 5280 6.3.3) and looks for certificates in it.
 *
 * @param der what came from the distribution point
 * @param serialNumbers of certificates of `issuer`: contents of INTEGERs in hex
 * @throws Error whose message says why the CRL does not count
 */
export async function checkCrl(
  der: Buffer,
  { issuer, serialNumbers }: { issuer: X509Certificate; serialNumbers: ReadonlySet<string> },
  at: Date,
): Promise<CheckedCrl> {
  const crl = readCrl(der)
  if (!sameName(crl.issuer, readCertificateFields(issuer).subject)) {
    throw new Error('it is the CRL of another issuer')
  }
  const { keyUsage = ['cRLSign'] } = readCertificateExtensions(issuer)
  if (!keyUsage.includes('cRLSign')) {
    throw new Error('its issuer has a certificate that is not for CRLs')
  }
  const { thisUpdate, nextUpdate, extensions, entries } = crl
  if (extensions.has(ID_DELTA_CRL_INDICATOR)) {
    throw new Error('it is a delta CRL')
  }
  refuseUnknownCritical(extensions, [ID_ISSUING_DISTRIBUTION_POINT, ID_CRL_NUMBER])
  const scope = readCrlScope(extensions.get(ID_ISSUING_DISTRIBUTION_POINT)?.value)
  const wrong = describeStaleness(crl, at) ?? (await describeWrongSignature(crl, publicKeyOf(issuer)))
  if (wrong !== undefined) {
    throw new Error(wrong)
  }
  const revocations = await findRevocations(entries, serialNumbers)
  return { der, thisUpdate, nextUpdate, scope, serialNumbers, revocations }
}
