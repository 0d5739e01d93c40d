import * as pkijs from 'pkijs'
import { sameParsedGeneralName, sameParsedName } from '../x509/parsed-names.ts'

const DIRECTORY_NAME = 4

/**
 * Returns whether the authority's name in a timestamp (RFC 3161 2.4.2, `tsa`) is the subject of the certificate, or
 * one of its alternative names.
 */
export function isNameOf(name: pkijs.GeneralName, certificate: pkijs.Certificate): boolean {
  if (name.type === DIRECTORY_NAME && sameParsedName(certificate.subject, name.value)) {
    return true
  }
  const extension = certificate.extensions?.find(({ extnID }) => extnID === pkijs.id_SubjectAltName)
  const { altNames } = (extension?.parsedValue ?? { altNames: [] }) as pkijs.AltName
  return altNames.some((one) => sameParsedGeneralName(one, name))
}
