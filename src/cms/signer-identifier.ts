import * as pkijs from 'pkijs'
import { sameParsedName } from '../x509/parsed-names.ts'

/** Returns whether the sid of a SignerInfo names a certificate, by issuer and serial number (RFC 5652 5.3). */
export function matchesSignerIdentifier(sid: unknown, certificate: pkijs.Certificate): boolean {
  return (
    sid instanceof pkijs.IssuerAndSerialNumber &&
    sameParsedName(sid.issuer, certificate.issuer) &&
    sid.serialNumber.isEqual(certificate.serialNumber)
  )
}
