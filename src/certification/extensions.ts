import type * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

/** RFC 9336, RFC 5280 4.2.1.12. */
const KEY_PURPOSES = {
  'document-signing': '1.3.6.1.5.5.7.3.36',
  'email-protection': '1.3.6.1.5.5.7.3.4',
}

export type ExtendedKeyUsage = keyof typeof KEY_PURPOSES | 'none'
export const EXTENDED_KEY_USAGES: readonly ExtendedKeyUsage[] = [
  'document-signing',
  'email-protection',
  'none',
]

/** DER BIT STRING: digitalSignature and nonRepudiation. */
const SIGNS_DOCUMENTS = Buffer.from('030206c0', 'hex')

export function keyUsage(): pkijs.Extension {
  const extnValue = new Uint8Array(SIGNS_DOCUMENTS).buffer
  return new pkijs.Extension({ extnID: pkijs.id_KeyUsage, critical: true, extnValue })
}

/** None where the key may serve any purpose. */
export function extendedKeyUsage(usage: ExtendedKeyUsage): pkijs.Extension[] {
  if (usage === 'none') {
    return []
  }
  const keyPurposes = [KEY_PURPOSES[usage]]
  return [extension(pkijs.id_ExtKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes }).toSchema())]
}

/** None where there are no names. */
export function subjectAlternativeName(altNames: pkijs.GeneralName[]): pkijs.Extension[] {
  return altNames.length === 0
    ? []
    : [extension(pkijs.id_SubjectAltName, new pkijs.AltName({ altNames }).toSchema())]
}

function extension(extnID: string, value: asn1js.AsnType): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical: false, extnValue: value.toBER() })
}
