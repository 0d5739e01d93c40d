/** Verifies the signature of a checkpoint (CAdES-B-B, or B-T with a timestamp), and whose it is. */
import type { X509Certificate } from 'node:crypto'
import type { CheckpointRecord } from '../../schemas/audit-record.ts'
import { findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import {
  type DetachedSignature,
  findSignatureTimestamp,
  readDetachedSignature,
} from '../cms/detached-signature.ts'
import { ID_DATA } from '../cms/object-identifiers.ts'
import { findContentProblem } from '../cms/signed-data-reader.ts'
import { quote } from '../common/quote.ts'
import { KnownChains } from '../timestamp/authority-chains.ts'
import { verifySignatureTimestamp } from '../timestamp/signature-timestamp.ts'
import { TimestampError } from '../timestamp/timestamp-error.ts'
import { traceSigner } from '../x509/review/trace-signer.ts'
import { describeSubject } from '../x509/validity.ts'
import { encodeCanonical } from './chain.ts'

/** Milliseconds between the time of a statement and that of its timestamp, which is made right after the signature. */
const MAX_DISTANCE_MS = 600_000
const DATA = encodeObjectIdentifier(ID_DATA)

/** Whom an auditor trusts. */
export interface CheckpointTrust {
  /** Certificates of signers, or of authorities above them. Without any, nobody vouches for a signer. */
  readonly certificates: readonly X509Certificate[]
  /** Certificates of authorities above timestamp authorities; the self-signed ones count. */
  readonly timestampAnchors: readonly X509Certificate[]
}

/** A checkpoint whose signature is valid. */
export interface VerifiedCheckpoint {
  readonly signer: X509Certificate
  /** True if the signer is, or was certified by, one of the trusted certificates. */
  readonly trusted: boolean
  readonly timestamp: VerifiedTimestamp | undefined
}

export interface VerifiedTimestamp {
  readonly time: Date
  readonly authority: X509Certificate
  /** True if the authority was certified by one of the trusted ones. */
  readonly trusted: boolean
}

/** Verifies the checkpoints of a log. It remembers the chains of certificates, since a log has the same again and again. */
export class CheckpointVerifier {
  readonly #trust: CheckpointTrust
  readonly #signers = new KnownChains()
  readonly #authorities = new KnownChains()

  constructor(trust: CheckpointTrust) {
    this.#trust = trust
  }

  /**
   * Verifies a signature over a statement. It does not check revocation.
   *
   * @throws Error whose message says what is wrong, as a predicate of the record
   */
  verify({ statement }: Pick<CheckpointRecord, 'statement'>, signature: string): VerifiedCheckpoint {
    const { signerInfo, certificates, signer } = attempt(() => readContainer(signature))
    const hashAlgorithm = findHash(signerInfo.digestAlgorithm)
    const octets = Buffer.from(encodeCanonical(statement))
    const problem = findContentProblem(
      { ...signerInfo, signer, hashAlgorithm },
      { name: 'statement', type: DATA, octets },
    )
    if (problem !== undefined) {
      throw new Error(`has a signature that is not valid: ${problem}`)
    }
    const timestamp = this.#verifyTimestamp(signerInfo, new Date(statement.time))
    const at = timestamp?.trusted ? timestamp.time : new Date(statement.time)
    return { signer, timestamp, trusted: this.#isTrusted(signer, certificates, at) }
  }

  #isTrusted(signer: X509Certificate, embedded: readonly X509Certificate[], at: Date): boolean {
    const anchors = this.#trust.certificates
    if (anchors.length === 0) {
      return false
    }
    const sent = [signer, ...embedded]
    if (this.#signers.find(sent, at) === undefined) {
      const path = traceSigner(signer, embedded, anchors, at)
      if (typeof path === 'string') {
        throw new Error(`is signed by ${quote(describeSubject(signer))}, which cannot be trusted: ${path}`)
      }
      this.#signers.keep(sent, path)
    }
    return true
  }

  /** Verifies the signature timestamp (EN 319 122-1 5.3), if there is one. */
  #verifyTimestamp(signerInfo: DetachedSignature['signerInfo'], stated: Date): VerifiedTimestamp | undefined {
    const encoded = attempt(() => findSignatureTimestamp(signerInfo))
    if (encoded === undefined) {
      return undefined
    }
    const { timestampAnchors: trustAnchors } = this.#trust
    try {
      const { time, path } = verifySignatureTimestamp(encoded, signerInfo.signature, {
        trustAnchors,
        known: this.#authorities,
      })
      const seconds = Math.round((time.getTime() - stated.getTime()) / 1000)
      if (Math.abs(seconds) > MAX_DISTANCE_MS / 1000) {
        throw new TimestampError('mismatch', `is ${seconds} seconds off the time of the statement`)
      }
      return { time, authority: path[0] as X509Certificate, trusted: trustAnchors.length > 0 }
    } catch (error) {
      const why = error instanceof TimestampError ? error.message : 'is malformed'
      throw new Error(`has a timestamp that is not valid: it ${why}`)
    }
  }
}

/** Runs a step of reading the container. The readers' own messages would not help an auditor. */
function attempt<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw new Error(
      'has a signature that is no CAdES container with one signer and his certificate, DER in base64',
    )
  }
}

/** @throws Error when it is anything else than a detached SignedData with one signature, in canonical base64 */
function readContainer(signature: string): DetachedSignature {
  const der = Buffer.from(signature, 'base64')
  if (der.toString('base64') !== signature) {
    throw new Error('it is not canonical base64')
  }
  return readDetachedSignature(der)
}

function findHash(digestAlgorithm: Buffer): HashAlgorithm {
  const hash = attempt(() => findHashByOid(readAlgorithmIdentifier(digestAlgorithm).oid))
  if (hash === undefined || hash.name === 'sha160') {
    throw new Error('has a signature with a hash algorithm that is not supported')
  }
  return hash
}
