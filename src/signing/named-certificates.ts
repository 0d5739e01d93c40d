import type { X509Certificate } from 'node:crypto'
import { namesCertificate, type SignedAttributes } from '../cms/signed-attributes-reader.ts'
import { SIGNER_MISMATCH } from '../errors.ts'
import type { Signer } from '../signers/signer.ts'
import { isSelfSigned } from '../x509/chain.ts'

type NamedCertificate = SignedAttributes['certificates'][number]

/**
 * Refuses signed attributes that name the certificate of the signer with another issuerSerial, or behind it one that is none of its
 * issuers, as in a chain from before one of these was renewed: verifiers refuse both (RFC 5035 3, 4).
 *
 * @param field name of the field with the attributes, for the message
 * @param signer result of `Signers.chooseFor`, which compares the digest of its certificate
 * @throws SIGNER_MISMATCH; HSM_UNAVAILABLE while the certificate of the signer has not been read
 */
export function checkNamedCertificates(
  field: string,
  { certificates, others }: Pick<SignedAttributes, 'certificates' | 'others'>,
  signer: Pick<Signer, 'certificate'>,
): void {
  if (certificates.length === 0) {
    return
  }
  const { certificate, path } = signer.certificate()
  const last = path.at(-1) as X509Certificate
  if (!certificates.every((named) => isNamed(named, certificate.raw))) {
    throw new SIGNER_MISMATCH(`${field}: names the certificate of the signer with another issuerSerial`)
  }
  // Without its root the path says nothing of what stands above it
  const isWhole = isSelfSigned(last)
  if (isWhole && !others.every((named) => path.some(({ raw }) => isNamed(named, raw)))) {
    throw new SIGNER_MISMATCH(
      `${field}: names a certificate behind that of the signer which is not one of its issuers; get the certificates again`,
    )
  }
}

function isNamed(named: NamedCertificate, certificate: Buffer): boolean {
  try {
    return namesCertificate(named, certificate)
  } catch {
    return false
  }
}
