/** One signer, and the key on a token that it signs with: what the callback asks for certificates and signatures. */

import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import { permittedHashes } from '../configuration/algorithm-fit.ts'
import type { ContainerConfiguration } from '../configuration/container-configuration.ts'
import { certificateFromToken } from '../configuration/signer-certificate.ts'
import type {
  SignerCertificate,
  SignerConfiguration,
  SignerRules,
} from '../configuration/signer-configuration.ts'
import {
  CERTIFICATE_NOT_VALID,
  CERTIFICATE_REVOKED,
  HSM_UNAVAILABLE,
  UNSUPPORTED_HASH_ALGORITHM,
} from '../errors.ts'
import type { PoolStatus, SessionPool } from '../pkcs11/session-pool.ts'
import { createSigningInput } from '../pkcs11/signing-input.ts'
import type { SignOptions } from '../pkcs11/signing-jobs.ts'
import { gatherEvidence } from '../revocation/revocation-evidence.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { Timestamper } from '../timestamp/timestamper.ts'
import { findValidityProblem } from '../x509/validity.ts'

/** What a signer wants of its pool. */
export type KeyPool = Pick<SessionPool, 'sign' | 'test' | 'keyStatus' | 'foundKey'>

/** Those who know more of a signer than its token does. */
export interface SignerSources {
  readonly revocations: Pick<RevocationService, 'revoked' | 'information'>
  /** Where its containers are timestamped. */
  readonly timestamper?:
    | Pick<Timestamper, 'timestamp' | 'anchoredPaths' | 'probeInBackground' | 'problem' | 'isUntried'>
    | undefined
}

export class Signer {
  readonly sources: SignerSources
  readonly #configuration: SignerConfiguration
  readonly #pool: KeyPool
  readonly #key: number
  /** Of the certificate that was last found on the token. */
  #onToken: { readonly certificate: Uint8Array; readonly signerCertificate: SignerCertificate } | undefined
  readonly #fromFiles: SignerCertificate | undefined
  /** Rules that the certificate of a signer permits. */
  #permitted: { readonly signerCertificate: SignerCertificate; readonly rules: SignerRules } | undefined

  /** @param key place among the keys of the pool */
  constructor(configuration: SignerConfiguration, pool: KeyPool, key: number, sources: SignerSources) {
    this.sources = sources
    this.#configuration = configuration
    this.#fromFiles = configuration.signerCertificate
    this.#pool = pool
    this.#key = key
  }

  get name(): string {
    return this.#configuration.name
  }

  /** The rules of the configuration, without hash algorithms that the certificate, once it is known, does not allow. */
  get rules(): SignerRules {
    const { rules } = this.#configuration
    const signerCertificate = this.knownCertificate()
    if (signerCertificate === undefined) {
      return rules
    }
    // Made once a signer: each request asks several times
    if (this.#permitted?.signerCertificate !== signerCertificate) {
      const hashAlgorithms = permittedHashes(rules, signerCertificate.algorithm)
      this.#permitted = { signerCertificate, rules: { ...rules, hashAlgorithms } }
    }
    return this.#permitted.rules
  }

  get container(): ContainerConfiguration {
    return this.#configuration.container
  }

  get configuration(): SignerConfiguration {
    return this.#configuration
  }

  status(): PoolStatus {
    return this.#pool.keyStatus(this.#key)
  }

  /** @throws HSM_UNAVAILABLE while the certificate, which is on the token, has not been read */
  certificate(): SignerCertificate {
    const signerCertificate = this.knownCertificate()
    if (signerCertificate === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    return signerCertificate
  }

  /** Returns the certificate, if it is known, whatever its state. */
  knownCertificate(): SignerCertificate | undefined {
    return this.#fromFiles ?? this.#readFromToken()
  }

  /**
   * @throws HSM_UNAVAILABLE while the certificate has not been read, CERTIFICATE_NOT_VALID when one of the chain is
   *   outside its validity period now, or too near to its end, CERTIFICATE_REVOKED when one is known to be revoked
   */
  validCertificate(): SignerCertificate {
    const signerCertificate = this.certificate()
    const now = new Date()
    const problem = findValidityProblem(
      signerCertificate.validity,
      now,
      this.#configuration.rules.minimumDaysLeft,
    )
    if (problem !== undefined) {
      throw new CERTIFICATE_NOT_VALID(problem)
    }
    const revoked = this.sources.revocations.revoked(signerCertificate.path, now)
    if (revoked !== undefined) {
      throw new CERTIFICATE_REVOKED(revoked.subject, revoked.at.toISOString(), revoked.reason)
    }
    return signerCertificate
  }

  /**
   * Returns the known chains of timestamp authorities, without those that were revoked: their timestamps are not taken, so
   * nothing is missing about them.
   */
  authorityPaths() {
    const { timestamper, revocations } = this.sources
    return (timestamper?.anchoredPaths() ?? []).filter((path) => revocations.revoked(path) === undefined)
  }

  /**
   * What is still missing for containers of level b-lt, each in words; nothing where they have another level.
   */
  missingEvidence(): readonly string[] {
    const { timestamper, revocations } = this.sources
    const authorities = this.authorityPaths()
    const own = this.knownCertificate()?.path
    if (this.container.level !== 'b-lt' || own === undefined || revocations.revoked(own) !== undefined) {
      return []
    }
    const { problems } = gatherEvidence([own, ...authorities], revocations)
    const isUnknown = timestamper?.anchoredPaths().length === 0
    return isUnknown ? ['no timestamp authority has given a timestamp yet', ...problems] : problems
  }

  /**
   * The signature with the signer's algorithm, verified with the certificate's public key.
   *
   * @param signerCertificate of `validCertificate`, asked once a request: the same whose certificate is embedded
   * @param signed with the message where the algorithm verifies nothing else
   * @returns octets as CMS and Document Engine know them: those of RSA as long as the modulus, those of ECDSA DER
   * @throws UNSUPPORTED_HASH_ALGORITHM when the certificate does not allow the hash, as after another one took its
   *   place; SIGNATURE_SELF_CHECK_FAILED, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE
   */
  async sign(
    signerCertificate: SignerCertificate,
    hash: HashAlgorithm,
    signed: SignedMessage,
    options: SignOptions,
  ): Promise<Uint8Array> {
    if (!signerCertificate.algorithm.hashes.includes(hash)) {
      throw new UNSUPPORTED_HASH_ALGORITHM(
        signerCertificate.algorithm.hashes.map(({ name }) => name).join(', '),
      )
    }
    const input = createSigningInput(this.#key, signerCertificate, hash, signed)
    return signerCertificate.algorithm.encode(await this.#pool.sign(input, options))
  }

  /**
   * Makes a test signature, and verifies it with the certificate's public key.
   *
   * @throws as `certificate` and `sign` do
   */
  async test(): Promise<void> {
    await this.#pool.test(this.#key, this.certificate())
  }

  #readFromToken(): SignerCertificate | undefined {
    const certificate = this.#pool.foundKey(this.#key)?.certificate
    if (certificate !== undefined && certificate !== this.#onToken?.certificate) {
      this.#onToken = {
        certificate,
        signerCertificate: certificateFromToken(certificate, this.#configuration),
      }
    }
    return this.#onToken?.signerCertificate
  }
}
