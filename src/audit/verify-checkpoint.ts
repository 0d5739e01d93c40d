/** Verifies the signature of a checkpoint (CAdES-B-B, or B-T with a timestamp), and whose it is. */
import type { X509Certificate } from 'node:crypto'
import type { CheckpointRecord } from '../../schemas/audit-record.ts'
import { digest, findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { ID_DATA, ID_SIGNATURE_TIMESTAMP } from '../cms/object-identifiers.ts'
import { readAttributes, singleValue } from '../cms/signed-attributes-reader.ts'
import {
  findContentProblem,
  isSigner,
  readSignedData,
  readSignerInfo,
  type SignedData,
  type SignerInfo,
} from '../cms/signed-data-reader.ts'
import { quote } from '../common/quote.ts'
import { KnownChains } from '../timestamp/authority-chains.ts'
import { TimestampError } from '../timestamp/timestamp-error.ts'
import { readTimestampToken, readTstInfo } from '../timestamp/timestamp-token.ts'
import { verifyToken } from '../timestamp/verify-response.ts'
import { readCertificateExtensions } from '../x509/certificate-extensions.ts'
import { buildChain, isSelfSigned } from '../x509/chain.ts'
import { publicKeyOf } from '../x509/key-type.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { findPathProblem } from '../x509/review/path-problem.ts'
import { describeSubject, findInvalidity, validityPeriod } from '../x509/validity.ts'
import { encodeCanonical } from './chain.ts'

/** Milliseconds between the time of a statement and that of its timestamp, which is made right after the signature. */
const MAX_DISTANCE_MS = 600_000
/** Certificates in a container. Each could be the issuer of each, which takes time. */
const MAX_CERTIFICATES = 10
const DATA = encodeObjectIdentifier(ID_DATA)
const SIGNATURE_TIMESTAMP = encodeObjectIdentifier(ID_SIGNATURE_TIMESTAMP)

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
    const { signedData, signerInfo } = attempt(() => readContainer(signature))
    const { certificates, signer } = attempt(() => readSigner(signedData, signerInfo))
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
  #verifyTimestamp(signerInfo: SignerInfo, stated: Date): VerifiedTimestamp | undefined {
    const encoded = attempt(() => findTimestamp(signerInfo))
    if (encoded === undefined) {
      return undefined
    }
    const { timestampAnchors: trustAnchors } = this.#trust
    try {
      const token = readTimestampToken(encoded)
      const info = readTstInfo(token.tstInfo)
      const hash = findHashByOid(info.oid)
      if (hash === undefined || !digest(hash, signerInfo.signature).equals(info.digest)) {
        throw new TimestampError('mismatch', 'is over something else than the signature')
      }
      const seconds = Math.round((info.genTime.getTime() - stated.getTime()) / 1000)
      if (Math.abs(seconds) > MAX_DISTANCE_MS / 1000) {
        throw new TimestampError('mismatch', `is ${seconds} seconds off the time of the statement`)
      }
      const [authority] = verifyToken(token, info, { trustAnchors, known: this.#authorities })
      return {
        time: info.genTime,
        authority: authority as X509Certificate,
        trusted: trustAnchors.length > 0,
      }
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

interface Container {
  readonly signedData: SignedData
  readonly signerInfo: SignerInfo & { readonly signedAttributes: Buffer }
}

/** @throws Error when it is anything else than a detached SignedData with one signature and signed attributes */
function readContainer(signature: string): Container {
  const der = Buffer.from(signature, 'base64')
  const signedData = readSignedData(der)
  const [first, second] = signedData?.signerInfos ?? []
  const signerInfo = first && readSignerInfo(first)
  const { signedAttributes } = signerInfo ?? {}
  if (
    der.toString('base64') !== signature ||
    signedData === undefined ||
    signedData.content !== undefined ||
    signerInfo === undefined ||
    signedAttributes === undefined ||
    second !== undefined
  ) {
    throw new Error('it is no such container')
  }
  // Malformed attributes are found here, and not while the signature is verified
  readAttributes(signedAttributes)
  return { signedData, signerInfo: { ...signerInfo, signedAttributes } }
}

/** @throws Error when the certificate of the signer is not in the container, or has a key of an unknown type */
function readSigner({ certificates: encoded }: SignedData, { sid }: SignerInfo) {
  const certificates = encoded.slice(0, MAX_CERTIFICATES).map(readCertificate)
  const signer = certificates.find((certificate) => isSigner(certificate, sid))
  if (signer === undefined || publicKeyOf(signer) === undefined) {
    throw new Error('there is no certificate of the signer')
  }
  return { certificates, signer }
}

function findHash(digestAlgorithm: Buffer): HashAlgorithm {
  const hash = attempt(() => findHashByOid(readAlgorithmIdentifier(digestAlgorithm).oid))
  if (hash === undefined || hash.name === 'sha160') {
    throw new Error('has a signature with a hash algorithm that is not supported')
  }
  return hash
}

/** @throws Error when there are several */
function findTimestamp({ unsignedAttributes }: SignerInfo): Buffer | undefined {
  const attributes = unsignedAttributes === undefined ? [] : readAttributes(unsignedAttributes)
  if (!attributes.some(({ type }) => type.equals(SIGNATURE_TIMESTAMP))) {
    return undefined
  }
  const value = singleValue(attributes, SIGNATURE_TIMESTAMP)
  if (value === undefined) {
    throw new Error('there are several timestamps')
  }
  return value
}

/** Key usages with which a certificate signs statements (RFC 5280 4.2.1.3). */
const FOR_SIGNATURES: readonly string[] = ['digitalSignature', 'nonRepudiation']

/**
 * Traces a signer to one of the trusted certificates at a moment (RFC 5280 6.1), which need not be self-signed.
 *
 * @param embedded certificates from the container, which prove nothing by themselves
 * @returns the certificates from the signer's up to the trusted one, or a message that says what is wrong
 */
function traceSigner(
  signer: X509Certificate,
  embedded: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] | string {
  const isTrusted = ({ raw }: X509Certificate) => trusted.some((one) => one.raw.equals(raw))
  const candidates = [...trusted, ...embedded.filter((one) => !isSelfSigned(one))]
  const above = isTrusted(signer) ? [signer] : [signer, ...buildChain(signer, candidates, at).issuers]
  const path = above.slice(0, above.findIndex(isTrusted) + 1)
  const usages = readCertificateExtensions(signer).keyUsage ?? FOR_SIGNATURES
  if (path.length === 0) {
    return `its certificate is none of those that were given, and was certified by none of them (SHA-256 ${sha256Of(signer)})`
  }
  if (!usages.some((usage) => FOR_SIGNATURES.includes(usage))) {
    return 'its certificate is not for signatures, by its key usage'
  }
  return findInvalidity(path.map(validityPeriod), at) ?? findPathProblem(path) ?? path
}

/** Returns the SHA-256 of a certificate, hex. */
export function sha256Of({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}
