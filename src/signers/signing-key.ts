/**
 * One signer and the session pool that holds its key: what the callback asks for certificates and signatures.
 */
import type { BaseLogger } from 'pino'
import type { Configuration } from '../config.ts'
import { CERTIFICATE_NOT_VALID, type ConfigurationError, HSM_UNAVAILABLE } from '../errors.ts'
import type { FoundKey } from '../pkcs11/messages.ts'
import type { PoolObserver } from '../pkcs11/pool-observer.ts'
import { type PoolStatus, SessionPool, type SignOptions } from '../pkcs11/session-pool.ts'
import { encodeDigestInfo } from '../signature/digest-info.ts'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import { encodePublicKey } from '../signature/public-key.ts'
import { verifyDigestInfo } from '../signature/verification.ts'
import { checkKeyMatches, type Signer, signerFromFiles, signerFromToken } from './signer.ts'
import { describeInvalidity } from './validity.ts'

export class SigningKey {
  readonly #configuration: Configuration
  readonly #log: BaseLogger
  readonly #pool: SessionPool
  #signer: Signer | undefined

  /** @param onMisconfigured called when the token was reached and the configuration does not fit it */
  constructor(
    configuration: Configuration,
    log: BaseLogger,
    observer: PoolObserver,
    onMisconfigured: (error: ConfigurationError) => void,
  ) {
    this.#configuration = configuration
    this.#log = log
    this.#signer = signerFromFiles(configuration.signer)
    this.#pool = new SessionPool({
      hsm: configuration.hsm,
      ...(this.#signer === undefined ? {} : { publicKey: encodePublicKey(this.#signer.publicKey) }),
      onOpened: (key) => this.#opened(key),
      onMisconfigured,
      log,
      observer,
    })
  }

  start(): void {
    if (this.#signer !== undefined) {
      this.#warnAbout(this.#signer)
    }
    this.#pool.start()
  }

  status(): PoolStatus {
    return this.#pool.status()
  }

  /** @throws HSM_UNAVAILABLE while the certificate, which is on the token, has not been read */
  signer(): Signer {
    if (this.#signer === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    return this.#signer
  }

  /** The signer, if it is known and whatever its state. */
  knownSigner(): Signer | undefined {
    return this.#signer
  }

  /**
   * The RSASSA-PKCS1-v1_5 signature over a digest (RFC 8017 8.2.1), verified with the certificate's public key.
   *
   * @param signer of `validSigner`, asked once a request: the same whose certificate is embedded
   * @param digest bytes, as many as the algorithm's digests have
   * @throws SIGNATURE_SELF_CHECK_FAILED, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE
   */
  async sign(
    { publicKey }: Signer,
    algorithm: HashAlgorithm,
    digest: Uint8Array,
    options: Omit<SignOptions, 'verify'>,
  ): Promise<Uint8Array> {
    const digestInfo = encodeDigestInfo(algorithm, digest)
    const verify = (signature: Uint8Array) => verifyDigestInfo(publicKey, digestInfo, signature)
    return this.#pool.sign(digestInfo, { ...options, verify })
  }

  /**
   * @throws HSM_UNAVAILABLE while the certificate has not been read, CERTIFICATE_NOT_VALID when one of the chain is
   *   outside its validity period now
   */
  validSigner(): Signer {
    const signer = this.signer()
    const problem = describeInvalidity(signer.validity, new Date())
    if (problem !== undefined) {
      throw new CERTIFICATE_NOT_VALID(problem)
    }
    return signer
  }

  close(): Promise<void> {
    return this.#pool.close(this.#configuration.hsm.timeoutMs)
  }

  #opened(key: FoundKey) {
    if (this.#configuration.signer.certificates === undefined && key.certificate !== undefined) {
      this.#signer = signerFromToken(key.certificate, this.#configuration.signer)
      this.#warnAbout(this.#signer)
    }
    const signer = this.signer()
    checkKeyMatches(signer, key.publicKey)
    return signer.publicKey
  }

  #warnAbout({ validity, complete }: Signer): void {
    const problem = describeInvalidity(validity, new Date())
    if (problem !== undefined) {
      this.#log.warn(`${problem}. Nothing will be signed until then`)
    }
    if (!complete) {
      this.#log.warn(
        'The chain of the signer certificate does not reach a self-signed root; add the missing issuers to ' +
          'CA_CERTIFICATES_FILE, or validators may not find their trust anchor',
      )
    }
  }
}
