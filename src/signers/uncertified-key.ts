import { createPublicKey } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import { chooseSignatureAlgorithm } from '../algorithms/signature-algorithms.ts'
import { defined } from '../common/defined.ts'
import type { HsmConfiguration } from '../configuration/configuration.ts'
import type { SignerConfiguration } from '../configuration/signer-configuration.ts'
import { ConfigurationError, HSM_UNAVAILABLE } from '../errors.ts'
import type { FoundKey } from '../pkcs11/messages.ts'
import type { PoolObserver } from '../pkcs11/pool/pool-options.ts'
import { type PoolStatus, SessionPool } from '../pkcs11/pool/session-pool.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import { createSigningInput, type KeyUse } from '../pkcs11/signing-input.ts'
import { findUnsupportedKey, SUPPORTED_KEYS } from '../x509/key-type.ts'

/** A key on a token without a certificate, which signs a request for one. */
export class UncertifiedKey {
  readonly #hsm: HsmConfiguration
  readonly #pool: SessionPool
  #use: KeyUse | undefined

  /**
   * @param onMisconfigured called when the token was reached and the configuration does not fit it
   * @param givenPin PIN in place of the one that the environment holds
   */
  constructor(
    { access, key: selector, settings }: Pick<SignerConfiguration, 'access' | 'key' | 'settings'>,
    hsm: HsmConfiguration,
    log: BaseLogger,
    observer: PoolObserver,
    onMisconfigured: (error: ConfigurationError) => void,
    givenPin?: string,
  ) {
    this.#hsm = hsm
    const key = {
      request: { selector, certificateOnToken: false },
      settings,
      accept: (found: FoundKey) => {
        this.#use = readKeyUse(found, settings.key)
        return this.#use
      },
    }
    const events = { onMisconfigured, log, observer }
    this.#pool = new SessionPool({ hsm, access, keys: [key], ...defined({ givenPin }), ...events })
  }

  start(): void {
    this.#pool.start()
  }

  status(): PoolStatus {
    return this.#pool.status()
  }

  /**
   * Returns the public half, and the algorithm that the type of the key decides.
   *
   * @throws HSM_UNAVAILABLE before the token was opened
   */
  use(): KeyUse {
    if (this.#use === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    return this.#use
  }

  /**
   * Signs with that algorithm, and verifies the signature with the public half of the key.
   *
   * @throws SIGNATURE_SELF_CHECK_FAILED, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE
   */
  async sign(hash: HashAlgorithm, signed: SignedMessage, options: SignOptions): Promise<Uint8Array> {
    const use = this.use()
    const input = createSigningInput(0, use, hash, signed)
    return use.algorithm.encode(await this.#pool.sign(input, options))
  }

  close(): Promise<void> {
    return this.#pool.close(this.#hsm.timeoutMs)
  }
}

function readKeyUse({ publicKey: encoded }: FoundKey, setting: string): KeyUse {
  if (encoded === undefined) {
    const message =
      'the token does not show the public half of the private key, neither in the key nor in a public key object ' +
      'with its id, or it is on a curve that is not supported: without it there is nothing to certify'
    throw new ConfigurationError([{ variable: setting, message }])
  }
  const publicKey = createPublicKey({ key: Buffer.from(encoded), type: 'spki', format: 'der' })
  const unsupported = findUnsupportedKey(publicKey)
  if (unsupported !== undefined) {
    const message = `the private key must be ${SUPPORTED_KEYS}; it is ${unsupported}`
    throw new ConfigurationError([{ variable: setting, message }])
  }
  return { publicKey, algorithm: chooseSignatureAlgorithm(publicKey) }
}
