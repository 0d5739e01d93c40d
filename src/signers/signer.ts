import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { CertificateDigest } from '../cms/signed-attributes-reader.ts'
import type { ContainerConfiguration } from '../configuration/container-configuration.ts'
import { certificateFromToken, permittedHashes } from '../configuration/signer-certificate.ts'
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
import type { PoolStatus, SessionPool } from '../pkcs11/pool/session-pool.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import { createSigningInput } from '../pkcs11/signing-input.ts'
import { gatherEvidence, isGood } from '../revocation/revocation-information.ts'
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { Timestamper } from '../timestamp/timestamper.ts'
import { findValidityProblem } from '../x509/validity.ts'

/** The part of a session pool that a signer uses. */
export type KeyPool = Pick<SessionPool, 'sign' | 'test' | 'keyStatus' | 'foundKey'>

/** Services that a signer needs besides its token. */
export interface SignerSources {
  readonly revocations: Pick<RevocationService, 'revoked' | 'information'>
  /** Undefined for level b-b. */
  readonly timestamper?:
    | Pick<
        Timestamper,
        | 'timestamp'
        | 'checkRoom'
        | 'anchoredPaths'
        | 'largestToken'
        | 'probeInBackground'
        | 'problem'
        | 'isUntried'
      >
    | undefined
}

/** A signer with its key on a token, from which the callback gets certificates and signatures. */
export class Signer {
  readonly configuration: SignerConfiguration
  readonly sources: SignerSources
  readonly #pool: KeyPool
  readonly #key: number
  /** The certificates that were last found on the token, and the one that was chosen of them. */
  #onToken: { readonly certificates: object; readonly signerCertificate: SignerCertificate } | undefined
  /** Cached rules that a certificate permits. */
  #permitted: { readonly signerCertificate: SignerCertificate; readonly rules: SignerRules } | undefined

  /** @param key index among the keys of the pool */
  constructor(configuration: SignerConfiguration, pool: KeyPool, key: number, sources: SignerSources) {
    this.configuration = configuration
    this.sources = sources
    this.#pool = pool
    this.#key = key
  }

  get name(): string {
    return this.configuration.name
  }

  /** Rules of the configuration, without hash algorithms that the certificate, once it is known, does not allow. */
  get rules(): SignerRules {
    const { rules } = this.configuration
    const signerCertificate = this.knownCertificate()
    if (signerCertificate === undefined) {
      return rules
    }
    // The rules are cached, since each request reads them several times
    if (this.#permitted?.signerCertificate !== signerCertificate) {
      const hashAlgorithms = permittedHashes(rules, signerCertificate.algorithm)
      this.#permitted = { signerCertificate, rules: { ...rules, hashAlgorithms } }
    }
    return this.#permitted.rules
  }

  /** CKA_ID of the private key in lower-case hex; undefined while the key was not found yet. */
  get keyId(): string | undefined {
    return this.#pool.foundKey(this.#key)?.id
  }

  get container(): ContainerConfiguration {
    return this.configuration.container
  }

  status(): PoolStatus {
    return this.#pool.keyStatus(this.#key)
  }

  /**
   * Returns the certificate, valid or not.
   *
   * @throws HSM_UNAVAILABLE while the certificate, which is on the token, has not been read
   */
  certificate(): SignerCertificate {
    const signerCertificate = this.knownCertificate()
    if (signerCertificate === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    return signerCertificate
  }

  /** Returns the certificate, valid or not; undefined while it is not known. */
  knownCertificate(): SignerCertificate | undefined {
    return this.configuration.signerCertificate ?? this.#readFromToken()
  }

  /**
   * Returns the certificate if it is valid now.
   *
   * @throws HSM_UNAVAILABLE while the certificate has not been read; CERTIFICATE_NOT_VALID if one of the chain is
   *   outside its validity period, or too near to its end; CERTIFICATE_REVOKED if one is known to be revoked
   */
  validCertificate(): SignerCertificate {
    const signerCertificate = this.certificate()
    const now = new Date()
    const problem = findValidityProblem(
      signerCertificate.validity,
      now,
      this.configuration.rules.minimumDaysLeft,
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
   * Returns the known chains of timestamp authorities, without those that were revoked, whose timestamps are refused.
   */
  authorityPaths() {
    const { timestamper, revocations } = this.sources
    return (timestamper?.anchoredPaths() ?? []).filter((path) => revocations.revoked(path) === undefined)
  }

  /** Returns why no authority gives the timestamp that each container needs, for callers; undefined if one may. */
  missingTimestamps(): string | undefined {
    const { timestamper } = this.sources
    const isNeeded =
      this.container.timestamps?.fallback === 'refuse' && this.rules.containers.includes('pkcs7')
    if (!isNeeded || timestamper === undefined) {
      return undefined
    }
    return (
      timestamper.problem ?? (timestamper.isUntried ? 'no timestamp authority has answered yet' : undefined)
    )
  }

  /** Returns what is missing for containers of level b-lt, in words; an empty list for other levels. */
  missingEvidence(): readonly string[] {
    const { timestamper, revocations } = this.sources
    const authorities = this.authorityPaths()
    const own = this.knownCertificate()?.path
    if (this.container.level !== 'b-lt' || own === undefined || revocations.revoked(own) !== undefined) {
      return []
    }
    // One authority is enough
    const isEnough = authorities.some((path) => isGood(revocations.information(path)))
    const { problems } = gatherEvidence(isEnough ? [own] : [own, ...authorities], revocations)
    const isUnknown = timestamper?.anchoredPaths().length === 0
    return isUnknown ? ['no timestamp authority has given a timestamp yet', ...problems] : problems
  }

  /**
   * Signs with the signer's algorithm, and verifies the signature with the public key of the certificate.
   *
   * @param signerCertificate result of `validCertificate`, which is called once a request, so that it is also embedded
   * @param signed digest, with the message if the algorithm needs that to verify
   * @returns signature for CMS and Document Engine: RSA as long as the modulus, ECDSA as DER
   * @throws UNSUPPORTED_HASH_ALGORITHM if the certificate does not allow the hash, for example after a renewal;
   *   SIGNATURE_SELF_CHECK_FAILED, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE
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
   * Makes a test signature, and verifies it with the public key of the certificate.
   *
   * @throws the errors of `certificate` and `sign`
   */
  async test(): Promise<void> {
    await this.#pool.test(this.#key, this.certificate())
  }

  #readFromToken(): SignerCertificate | undefined {
    const certificates = this.#pool.foundKey(this.#key)?.certificates
    if (certificates !== undefined && certificates !== this.#onToken?.certificates) {
      this.#onToken = {
        certificates,
        signerCertificate: certificateFromToken(
          certificates,
          this.configuration,
          this.#onToken?.signerCertificate,
        ),
      }
    }
    return this.#onToken?.signerCertificate
  }
}

/** Returns whether all digests in signed attributes that name a certificate are those of the signer's certificate. */
export function isNamedBy(
  named: readonly CertificateDigest[],
  signer: Pick<Signer, 'knownCertificate'>,
): boolean {
  const digests = signer.knownCertificate()?.digests
  return named.every(({ hashAlgorithm, digest }) => digests?.get(hashAlgorithm.name)?.equals(digest) === true)
}
