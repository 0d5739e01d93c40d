/** The key on the token while there is no certificate for it: it can sign a request for one. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../config.ts'
import { ConfigurationError, HSM_UNAVAILABLE } from '../errors.ts'
import type { FoundKey } from '../pkcs11/messages.ts'
import type { PoolObserver } from '../pkcs11/pool-observer.ts'
import { type PoolStatus, SessionPool, type SignOptions } from '../pkcs11/session-pool.ts'
import { encodeDigestInfo } from '../signature/digest-info.ts'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import { verifyDigestInfo } from '../signature/verification.ts'

export class UncertifiedKey {
  readonly #hsm: HsmConfiguration
  readonly #pool: SessionPool
  #publicKey: KeyObject | undefined

  /** @param onMisconfigured called when the token was reached and the configuration does not fit it */
  constructor(
    hsm: HsmConfiguration,
    log: BaseLogger,
    observer: PoolObserver,
    onMisconfigured: (error: ConfigurationError) => void,
  ) {
    this.#hsm = hsm
    this.#pool = new SessionPool({
      hsm,
      certified: false,
      onOpened: (key) => this.#opened(key),
      onMisconfigured,
      log,
      observer,
    })
  }

  start(): void {
    this.#pool.start()
  }

  status(): PoolStatus {
    return this.#pool.status()
  }

  /**
   * RSA.
   *
   * @throws HSM_UNAVAILABLE before the token was opened
   */
  publicKey(): KeyObject {
    if (this.#publicKey === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    return this.#publicKey
  }

  /**
   * The RSASSA-PKCS1-v1_5 signature over a digest (RFC 8017 8.2.1), verified with the key's public half.
   *
   * @param digest bytes, as many as the algorithm's digests have
   * @throws SIGNATURE_SELF_CHECK_FAILED, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE
   */
  async sign(
    algorithm: HashAlgorithm,
    digest: Uint8Array,
    options: Omit<SignOptions, 'verify'>,
  ): Promise<Uint8Array> {
    const publicKey = this.publicKey()
    const digestInfo = encodeDigestInfo(algorithm, digest)
    const verify = (signature: Uint8Array) => verifyDigestInfo(publicKey, digestInfo, signature)
    return this.#pool.sign(digestInfo, { ...options, verify })
  }

  close(): Promise<void> {
    return this.#pool.close(this.#hsm.timeoutMs)
  }

  #opened({ publicKey }: FoundKey): KeyObject {
    if (publicKey === undefined) {
      const message =
        'the token does not show the public half of the private key, neither in the key nor in a public key object ' +
        'with its id: without it there is nothing to certify'
      throw new ConfigurationError([{ variable: 'HSM_KEY_LABEL', message }])
    }
    this.#publicKey = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
    return this.#publicKey
  }
}
