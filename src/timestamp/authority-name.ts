import type * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

const DIRECTORY_NAME = 4

/**
 * Whether the name that a timestamp gives its authority is one of the certificate's: its subject, or one of its
 * alternative names (RFC 3161 2.4.2, `tsa`).
 */
export function isNameOf(name: pkijs.GeneralName, certificate: pkijs.Certificate): boolean {
  if (name.type === DIRECTORY_NAME && certificate.subject.isEqual(name.value)) {
    return true
  }
  const extension = certificate.extensions?.find(({ extnID }) => extnID === pkijs.id_SubjectAltName)
  const { altNames } = (extension?.parsedValue ?? { altNames: [] }) as pkijs.AltName
  const encoded = encode(name)
  return altNames.some((one) => encode(one).equals(encoded))
}

function encode(name: pkijs.GeneralName): Buffer {
  return Buffer.from((name.toSchema() as asn1js.Constructed).toBER())
}
