import * as pkijs from 'pkijs'
import { sameParsedGeneralName, sameParsedName } from '../x509/parsed-names.ts'

const DIRECTORY_NAME = 4

/**
 * Whether the name that a timestamp gives its authority is one of the certificate's: its subject, or one of its
 * alternative names (RFC 3161 2.4.2, `tsa`).
 */
export function isNameOf(name: pkijs.GeneralName, certificate: pkijs.Certificate): boolean {
  if (name.type === DIRECTORY_NAME && sameParsedName(certificate.subject, name.value)) {
    return true
  }
  const extension = certificate.extensions?.find(({ extnID }) => extnID === pkijs.id_SubjectAltName)
  const { altNames } = (extension?.parsedValue ?? { altNames: [] }) as pkijs.AltName
  return altNames.some((one) => sameParsedGeneralName(one, name))
}
