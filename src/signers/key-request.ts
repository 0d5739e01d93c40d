import type { KeyObject } from 'node:crypto'
import { encodePublicKey, fingerprint } from '../algorithms/public-key.ts'
import { certificateFromToken } from '../configuration/signer-certificate.ts'
import type {
  SettingNames,
  SignerCertificate,
  SignerConfiguration,
} from '../configuration/signer-configuration.ts'
import { ConfigurationError } from '../errors.ts'
import type { FoundKey } from '../pkcs11/messages.ts'
import { type PoolKey, problemOf } from '../pkcs11/pool/pool-keys.ts'
import type { KeyUse } from '../pkcs11/signing-input.ts'

/**
 * Returns the key of a signer for a session pool.
 *
 * @param onCertificate called each time the signer's certificate was found on the token
 */
export function createPoolKey(
  configuration: SignerConfiguration,
  onCertificate: (signerCertificate: SignerCertificate) => void,
): PoolKey {
  const { key: selector, settings } = configuration
  const { signerCertificate: fromFiles } = configuration
  const algorithm = fromFiles?.algorithm.name ?? configuration.algorithm
  let onToken: SignerCertificate | undefined
  return {
    request: {
      selector,
      certificateOnToken: fromFiles === undefined,
      ...(fromFiles === undefined ? {} : { publicKey: encodePublicKey(fromFiles.publicKey) }),
      ...(algorithm === undefined ? {} : { algorithm }),
    },
    settings,
    accept(found): KeyUse {
      const signerCertificate =
        fromFiles ?? certificateFromToken(found.certificates as readonly Uint8Array[], configuration, onToken)
      checkKeyMatches(signerCertificate.publicKey, found, settings)
      if (fromFiles === undefined) {
        onToken = signerCertificate
        onCertificate(signerCertificate)
      }
      return signerCertificate
    },
  }
}

/**
 * Refuses a certificate that is not that of a key. If the token does not show the public half of the key, this passes,
 * and the first test signature decides.
 *
 * @param certified public key of the certificate
 * @throws ConfigurationError with the fingerprints of both
 */
export function checkKeyMatches(
  certified: KeyObject,
  { publicKey, certifiedKey }: Pick<FoundKey, 'publicKey' | 'certifiedKey'>,
  settings: SettingNames,
): void {
  const wanted = encodePublicKey(certified)
  if (publicKey !== undefined && !wanted.equals(publicKey)) {
    const message =
      `is not the certificate of the private key: the certificate's public key has the SHA-256 fingerprint ` +
      `${fingerprint(wanted)}, the private key's ${fingerprint(publicKey)}; ` +
      (certifiedKey === undefined
        ? `configure the certificate that was issued for this key, or choose the key with ${settings.key}`
        : `it belongs to the private key with ${certifiedKey}: choose that one with ${settings.key}, or ` +
          'configure the certificate that was issued for this key')
    throw new ConfigurationError([problemOf({ about: 'certificate', message }, settings)])
  }
}
