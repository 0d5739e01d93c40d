import * as pkijs from 'pkijs'
import { sameParsedName } from '../x509/parsed-names.ts'

/** Whether the sid of a SignerInfo (RFC 5652 5.3) is that of a certificate: by issuer and serial number alone. */
export function matchesSignerIdentifier(sid: unknown, certificate: pkijs.Certificate): boolean {
  return (
    sid instanceof pkijs.IssuerAndSerialNumber &&
    sameParsedName(sid.issuer, certificate.issuer) &&
    sid.serialNumber.isEqual(certificate.serialNumber)
  )
}
