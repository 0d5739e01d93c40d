import type { SignatureType } from '../cms/signed-attributes.ts'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
import { NOT_ALLOWED_FOR_SIGNER } from '../errors.ts'
import type { Signer } from '../signers/signer.ts'

/**
 * Refuses a signature that the configuration of its signer does not allow. Document Engine documents RSASSA-PKCS1-v1_5
 * for raw signatures: others are made only if the signers file allows them.
 *
 * @param type absent for bytes that are no signed attributes
 * @throws NOT_ALLOWED_FOR_SIGNER; HSM_UNAVAILABLE while the certificate has not been read
 */
export function checkAllowed(
  signer: Pick<Signer, 'rules' | 'certificate'>,
  container: SignatureForm,
  type?: SignatureType,
): void {
  const { rules } = signer
  if (!rules.containers.includes(container)) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      container === 'raw'
        ? 'signature_container: this signer makes PKCS#7 containers alone; ask for pkcs7'
        : 'signature_container: this signer makes raw signatures alone; ask for raw',
    )
  }
  if (type !== undefined && !rules.signatureTypes.includes(type)) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      `signature_type: this signer makes ${rules.signatureTypes} signatures alone`,
    )
  }
  if (container === 'raw' && !rules.raw && !isDocumented(signer)) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      'signature_container: raw signatures of this signer would not be RSASSA-PKCS1-v1_5, which Document Engine ' +
        'documents; ask for pkcs7, or allow them by "raw": true in the signers file',
    )
  }
}

/** Returns whether the raw signatures of a signer are of the kind that Document Engine documents. */
export function isDocumented(signer: Pick<Signer, 'certificate'>): boolean {
  return signer.certificate().algorithm.name === 'rsassa-pkcs1-v1_5'
}
