import type { KeyObject, X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { encodePublicKey } from '../../algorithms/public-key.ts'
import { parseCertificates } from '../../x509/certificate-file.ts'
import { findUnsupportedKey } from '../../x509/key-type.ts'
import { findInvalidity, validityPeriod } from '../../x509/validity.ts'
import { keyIdentifier } from './extensions.ts'

/** A certificate authority, whose key signs certificates for others. */
export interface Authority {
  /** Certificate of the authority, and further ones of its file. */
  readonly certificates: readonly X509Certificate[]
  readonly name: pkijs.RelativeDistinguishedNames
  /** Subject key identifier of its certificate (RFC 5280 4.2.1.1). */
  readonly keyIdentifier: Uint8Array
  readonly notAfter: Date
}

/**
 * Reads the certificate of an authority.
 *
 * @param content PEM, with the authority's certificate first, or that certificate as DER
 * @throws Error whose message says why the authority cannot sign now
 */
export function parseAuthority(content: Buffer): Authority {
  const certificates = parseCertificates(content)
  const certificate = certificates[0] as X509Certificate
  const { subject: name, extensions = [] } = pkijs.Certificate.fromBER(certificate.raw)
  const period = validityPeriod(certificate)
  const invalid = findInvalidity([period], new Date())
  if (invalid !== undefined) {
    throw new Error(invalid)
  }
  const { publicKey } = certificate
  if (findUnsupportedKey(publicKey) !== undefined || publicKey.asymmetricKeyType === 'rsa-pss') {
    throw new Error('its key is of a kind that does not sign certificates here')
  }
  const identifier = extensions.find(({ extnID }) => extnID === pkijs.id_SubjectKeyIdentifier)?.parsedValue
  return {
    certificates,
    name,
    keyIdentifier:
      identifier instanceof asn1js.OctetString
        ? identifier.valueBlock.valueHexView
        : keyIdentifier(publicKey.export({ type: 'spki', format: 'der' })),
    notAfter: period.notAfter,
  }
}

export function hasKey({ certificates: [certificate] }: Authority, publicKey: KeyObject): boolean {
  return encodePublicKey((certificate as X509Certificate).publicKey).equals(encodePublicKey(publicKey))
}
