import { digest, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import { UncertifiedKey } from '../../signers/uncertified-key.ts'
import type { Io } from '../io.ts'
import type { CertifyingKey } from '../issuing/certifying-key.ts'
import { type KeyOptions, loadForCertification } from './configuration.ts'
import { withKey } from './with-key.ts'

/**
 * Opens the token as the service does, and lends a key on it that signs certificates, or requests for them. Each
 * signature is verified with the public half of the key.
 *
 * @param hash hash algorithm of the signatures
 */
export async function withTokenKey<T>(
  io: Io,
  options: KeyOptions,
  hash: HashAlgorithm,
  use: (key: CertifyingKey) => Promise<T>,
): Promise<T> {
  const { configuration, signer, givenPin } = await loadForCertification(io, options)
  const { hsm } = configuration
  return withKey(
    (...events) => new UncertifiedKey(signer, hsm, ...events, givenPin),
    options.timeout * 1000,
    (key) => {
      const deadline = performance.now() + hsm.timeoutMs
      return use({
        ...key.use(),
        sign: async (message) => key.sign(hash, { digest: digest(hash, message), message }, { deadline }),
      })
    },
  )
}
