import type { Session } from 'graphene-pk11'
import type { Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import type { SettingNames } from '../../config.ts'
import { encodePublicKey } from '../../signature/public-key.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { findObjects, readAttribute } from './attributes.ts'
import { misconfigured } from './open-error.ts'
import type { PrivateKey } from './private-key.ts'

/**
 * Finds the certificate object that belongs to a private key: of those with the key's CKA_ID, or of all where none
 * has it, the one with the key's public half.
 *
 * @returns DER
 * @throws OpenError when none or several fit
 */
export function findCertificate(session: Session, key: PrivateKey, settings: SettingNames): Buffer {
  const sameId =
    key.id === ''
      ? []
      : readCertificates(session, { type: pkcs11js.CKA_ID, value: Buffer.from(key.id, 'hex') })
  const candidates = sameId.length > 0 ? sameId : readCertificates(session)
  const fitting = candidates.filter((certificate) => belongsTo(certificate, key))
  const [certificate, second] = fitting
  if (certificate === undefined) {
    const message = 'is required, since the token holds no certificate that matches the private key'
    throw misconfigured(settings.certificate, message, 'there is no certificate for the private key')
  }
  if (second !== undefined) {
    const message = 'is required, since the token holds several certificates that match the private key'
    throw misconfigured(settings.certificate, message, 'there are several certificates for the private key')
  }
  return certificate.raw
}

interface CertificateObject {
  /** DER. */
  readonly raw: Buffer
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Buffer
}

function readCertificates(session: Session, ...restriction: Template): CertificateObject[] {
  const template = [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
    ...restriction,
  ]
  return findObjects(session, template).flatMap((object) => {
    const certificate = parse(readAttribute(session, object, pkcs11js.CKA_VALUE))
    return certificate === undefined ? [] : [certificate]
  })
}

/** An object that is no certificate belongs to no key, and must not keep the others from being found. */
function parse(value: Buffer | undefined): CertificateObject | undefined {
  try {
    const { raw, publicKey } = readCertificate(value ?? Buffer.alloc(0))
    return { raw, publicKey: encodePublicKey(publicKey) }
  } catch {
    return undefined
  }
}

function belongsTo(certificate: CertificateObject, key: PrivateKey): boolean {
  return key.publicKey === undefined || certificate.publicKey.equals(key.publicKey)
}
