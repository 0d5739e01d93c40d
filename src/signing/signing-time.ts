import { INVALID_REQUEST } from '../errors.ts'
import type { Signer } from '../signers/signer.ts'
import { findInvalidity } from '../x509/validity.ts'

/**
 * Refuses signed attributes with a signing-time (RFC 5652 11.3) outside the period of the signer's certificate: verifiers that
 * believe it find a certificate that was not valid then.
 *
 * @param field of the request that has the attributes
 * @param signingTime undefined if they have none
 * @throws INVALID_REQUEST; HSM_UNAVAILABLE while the certificate has not been read
 */
export function checkSigningTime(
  field: string,
  signingTime: Date | undefined,
  signer: Pick<Signer, 'certificate'>,
): void {
  if (signingTime === undefined) {
    return
  }
  const period = signer.certificate().validity.slice(0, 1)
  // Another error tells of a certificate that is not valid now
  const isValid = findInvalidity(period, new Date()) === undefined
  if (isValid && findInvalidity(period, signingTime) !== undefined) {
    throw new INVALID_REQUEST(
      `${field}: has the signing-time ${signingTime.toISOString()}, at which the certificate of the signer is not valid; ` +
        'check the clock of the one who made it',
    )
  }
}
