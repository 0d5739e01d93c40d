import type { X509Certificate } from 'node:crypto'
import { digest, findHashByOid, SHA_1 } from '../../algorithms/hash-algorithms.ts'
import { DerReader } from '../../asn1/der-reader.ts'
import { encode } from '../../asn1/der-writer.ts'
import { TAG } from '../../asn1/tag.ts'
import { readGeneralizedTime } from '../../asn1/time.ts'
import { type CertificateFields, readCertificateFields } from '../../x509/certificate-fields.ts'
import {
  hasIssuerName,
  isSignedWithKeyOf,
  matchesAuthorityKeyIdentifier,
  matchesKeyIdentifier,
} from '../../x509/chain.ts'
import { findUnknownCritical } from '../../x509/extensions.ts'
import { publicKeyOf } from '../../x509/key-type.ts'
import { sameName } from '../../x509/names.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { findPathProblem } from '../../x509/review/path-problem.ts'
import { findUnreadable, readForReview } from '../../x509/review/reviewed-certificate.ts'
import { findResponderProblem, findWeakResponder } from '../../x509/review/service-certificate.ts'
import {
  findCurveWarning,
  findEncodingWarning,
  findFieldWarning,
  findIssuerNameWarnings,
  findPointWarning,
  findSignatureWarning,
} from '../../x509/review/warnings.ts'
import { findInvalidity, validityPeriod } from '../../x509/validity.ts'
import {
  earlier,
  type Flawed,
  findAlgorithmDoubt,
  findEncodingProblem,
  findSignatureProblem,
  findStaleness,
  findWeakHash,
  hasFraction,
  OTHER_CERTIFICATE,
  type Revocation,
  refuseOtherContent,
  type UpdateTimes,
} from '../revocation-answer.ts'
import { certificateId, ID_OCSP_NONCE } from './ocsp-request.ts'
import {
  encodeOcspResponse,
  type OcspResponse,
  type ResponderId,
  readOcspResponse,
  type SingleResponse,
  UnknownCertificate,
} from './ocsp-response.ts'

/**
 * Time for which an answer without nextUpdate counts after it was signed, since newer information is always available (RFC
 * 6960 4.2.2.1).
 */
const WITHOUT_NEXT_UPDATE_MS = 1_800_000

/**
 * Most time between thisUpdate and the end of such an answer. Responders that know no more than the last CRL have its
 * thisUpdate, which is hours old.
 */
const LONGEST_WITHOUT_NEXT_UPDATE_MS = 86_400_000

/** A verified answer. It may be embedded, unless it has a flaw. */
export interface OcspAnswer extends UpdateTimes, Flawed {
  /** DER OCSPResponse, with no certificate but its responder's. */
  readonly der: Buffer
  readonly revocation: Revocation | undefined
  /** Says which validators do not take it, and why, if any. */
  readonly doubt: string | undefined
  /** The issuer of the certificate, or the responder that it has authorized. */
  readonly signer: X509Certificate
}

/** The certificate that an answer must be about, and the nonce of the request. */
export interface OcspQuestion {
  readonly certificate: Pick<CertificateFields, 'serialNumber' | 'issuer'>
  readonly issuer: X509Certificate
  readonly issuerFields: Pick<CertificateFields, 'subject' | 'publicKeyBits'>
  readonly nonce: Buffer
}

/**
 * Checks a responder's answer (RFC 6960 3.2). It accepts an answer with a flaw if that says that the certificate was
 * revoked and its signature is right, since a revoked certificate must not sign.
 *
 * @param der the bytes of the responder
 * @throws UnknownCertificate when it says nothing about the certificate
 * @throws Error whose message says why the answer does not count otherwise
 */
export async function checkOcspResponse(der: Buffer, question: OcspQuestion, at: Date): Promise<OcspAnswer> {
  refuseOtherContent(der)
  const response = readOcspResponse(der)
  const about = response.answers.filter((answer) => isAbout(answer, question))
  const single = about.find(({ status }) => typeof status === 'object') ?? about[0]
  if (single === undefined) {
    const other = findNonceProblem(response, question.nonce)
    throw new UnknownCertificate(other ?? 'it answered about another certificate')
  }
  const { status } = single
  const producedAt = readProducedAt(response)
  // The moment at which it came, as the last resort, is later than any good answer that came before
  const thisUpdate = single.thisUpdate ?? producedAt ?? at
  const end = single.nextUpdate ?? endWithoutNextUpdate(thisUpdate, producedAt)
  // A revocation counts even if the responder's certificate has expired since it was told
  const moments = typeof status === 'object' && thisUpdate < at ? [at, thisUpdate] : [at]
  const { signer, refusal } = await findOcspSigner(response, question.issuer, moments)
  const period = validityPeriod(signer)
  const nextUpdate = earlier(end, period.notAfter)
  const flaw =
    response.flaw ??
    findWeakHash(response) ??
    refusal ??
    findUnknownCritical(response.extensions, [ID_OCSP_NONCE]) ??
    findNonceProblem(response, question.nonce) ??
    findUnknownCritical(single.extensions, []) ??
    findStaleness({ thisUpdate, nextUpdate: end }, at) ??
    findInvalidity([period], at) ??
    (await findEncodingProblem(response.toBeSigned))
  if (status === 'unknown') {
    throw new UnknownCertificate(flaw ?? 'it does not know the certificate')
  }
  const revocation = status === 'good' ? undefined : { ...status, at: status.at ?? thisUpdate }
  const answer = {
    der: encodeOcspResponse(response, signer.raw),
    ...{ thisUpdate, nextUpdate, signer, revocation },
    doubt:
      findDoubt(single, producedAt) ??
      findNonceDoubt(response) ??
      findNamingDoubt(response, single, signer) ??
      findAlgorithmDoubt(response) ??
      findResponderDoubt(signer, question.issuer),
  }
  return flaw === undefined ? answer : asRevocationOnly(answer, flaw)
}

/** Finds what keeps some validators from taking the times of an answer, and which, in words. */
function findDoubt(
  { thisUpdate, nextUpdate }: SingleResponse,
  producedAt: Date | undefined,
): string | undefined {
  if (hasFraction(thisUpdate, nextUpdate, producedAt)) {
    return 'has a time with a fraction of a second (RFC 6960 4.2.2.1): pdfsig does not take it'
  }
  return producedAt !== undefined && thisUpdate !== undefined && producedAt < thisUpdate
    ? 'was signed at a time before that of which it tells (producedAt, thisUpdate): pdfsig does not take it'
    : undefined
}

/** Finds a nonce that is marked as critical: who verifies later does not know it, and so some do not take the response. */
function findNonceDoubt({ extensions }: OcspResponse): string | undefined {
  return extensions.get(ID_OCSP_NONCE)?.critical
    ? 'has a nonce that is marked as critical: Bouncy Castle, PDFBox and Java do not take it'
    : undefined
}

/** Finds that only some validators find the certificate, or the responder, by the name that an answer has for it. */
function findNamingDoubt(
  { responder }: OcspResponse,
  { hashAlgorithm }: SingleResponse,
  signer: X509Certificate,
): string | undefined {
  if (hashAlgorithm !== SHA_1.oid) {
    return `names the certificate by another hash than SHA-1 (${hashAlgorithm}): pdfsig and Java do not take it`
  }
  return 'name' in responder && !responder.name.equals(readCertificateFields(signer).subject)
    ? 'names its responder in other octets than the certificate of that: pdfsig and Java do not take it'
    : undefined
}

/**
 * Returns the moment at which an answer is to be replaced that does not say so.
 *
 * @param producedAt thisUpdate by default
 */
function endWithoutNextUpdate(thisUpdate: Date, producedAt = thisUpdate): Date {
  return earlier(
    new Date(producedAt.getTime() + WITHOUT_NEXT_UPDATE_MS),
    new Date(thisUpdate.getTime() + LONGEST_WITHOUT_NEXT_UPDATE_MS),
  )
}

/** Reads producedAt; undefined for a wrong time, which must not keep a revocation from counting. */
function readProducedAt({ producedAt }: OcspResponse): Date | undefined {
  try {
    return readGeneralizedTime(new DerReader(producedAt))
  } catch {
    return undefined
  }
}

/**
 * Adds a flaw to an answer that says that the certificate was revoked.
 *
 * @throws Error with the flaw when the answer says that the certificate is good
 */
export function asRevocationOnly<T extends OcspAnswer>(answer: T, flaw: string): T & Flawed {
  if (answer.revocation === undefined) {
    throw new Error(flaw)
  }
  return { ...answer, flaw }
}

/** Finds a wrong nonce. Responders may also send an earlier answer without a nonce (RFC 8954 2.1). */
function findNonceProblem({ extensions }: OcspResponse, nonce: Buffer): string | undefined {
  const extension = extensions.get(ID_OCSP_NONCE)
  return extension !== undefined && !extension.value.equals(encode(TAG.octetString, nonce))
    ? 'it answered another request: its nonce is not the one that was sent'
    : undefined
}

/**
 * Returns whether an answer is about the certificate. The responder may use another hash algorithm than the request,
 * and the encoding of the issuer's name in either certificate (RFC 6960 4.1.1).
 */
function isAbout(answer: SingleResponse, { certificate, issuerFields }: OcspQuestion): boolean {
  const hash = findHashByOid(answer.hashAlgorithm)
  if (hash === undefined) {
    return false
  }
  return [certificate.issuer, issuerFields.subject].some((issuer) => {
    const id = certificateId(hash, { ...certificate, issuer }, issuerFields)
    return (
      id.issuerNameHash.equals(answer.issuerNameHash) &&
      id.issuerKeyHash.equals(answer.issuerKeyHash) &&
      id.serialNumber.equals(answer.serialNumber)
    )
  })
}

/** Certificates of a response that are tried. A hostile one could send hundreds. */
const MAX_CERTIFICATES = 10

interface OcspSigner {
  readonly signer: X509Certificate
  /** Says why validators do not rely on the certificate, although the issuer has authorized its key. */
  readonly refusal: string | undefined
}

/**
 * Finds the certificate whose key signed the answer: `issuer`, or a responder that it has authorized. One that validators
 * rely on comes before others.
 *
 * @param moments at one of which the certificate must be valid
 * @throws Error whose message says why the answer does not count
 */
async function findOcspSigner(
  response: OcspResponse,
  issuer: X509Certificate,
  moments: readonly Date[],
): Promise<OcspSigner> {
  const signers: OcspSigner[] = []
  const problems: string[] = []
  // Several may have the responder's name, such as those before and after a renewal, and several the same key
  for (const raw of [issuer.raw, ...response.certificates.slice(0, MAX_CERTIFICATES)]) {
    const signer = readIdentified(raw, response.responder)
    if (signer !== undefined) {
      const wrong =
        findSignerProblem(signer, issuer, moments) ??
        (await findSignatureProblem(response, publicKeyOf(signer)))
      if (wrong === undefined) {
        signers.push({ signer, refusal: findRefusal(signer, issuer) })
      } else {
        problems.push(wrong)
      }
    }
  }
  const best = signers.find(({ refusal }) => refusal === undefined) ?? signers[0]
  if (best === undefined) {
    throw new Error(problems[0] ?? 'it does not hold the certificate of its responder')
  }
  return best
}

/** Returns the certificate if it is the responder's. Others may be of kinds that cannot be read here. */
function readIdentified(raw: Buffer, responder: ResponderId): X509Certificate | undefined {
  try {
    const { subject, publicKeyBits } = readCertificateFields({ raw })
    const identified =
      'name' in responder
        ? sameName(responder.name, subject)
        : responder.keyHash.equals(digest(SHA_1, publicKeyBits))
    return identified ? readCertificate(raw) : undefined
  } catch {
    return undefined
  }
}

function findSignerProblem(
  signer: X509Certificate,
  issuer: X509Certificate,
  moments: readonly Date[],
): string | undefined {
  const period = validityPeriod(signer)
  const invalid = moments.map((at) => findInvalidity([period], at))
  if (!invalid.includes(undefined)) {
    return invalid[0]
  }
  if (signer.raw.equals(issuer.raw)) {
    return undefined
  }
  // Hostile certificates take long to review, so only one that the issuer has signed is
  const isSigned = isSignedWithKeyOf(signer, issuer)
  if (!isSigned || !hasIssuerName(signer, issuer)) {
    const unreadable = isSigned ? findUnreadable(signer) : undefined
    return distrust(unreadable) ?? `its responder, ${period.subject}, has its certificate from another issuer`
  }
  return distrust(findResponderProblem(signer))
}

/**
 * Finds what keeps validators from relying on a responder that its issuer has authorized, in words: a key usage without
 * signatures, a weak key or signature, the keyIdentifier of another key, malformed and critical extensions, names that its
 * issuer may not certify, and what is no DER, since those that encode its certificate anew do not find it.
 */
function findRefusal(signer: X509Certificate, issuer: X509Certificate): string | undefined {
  if (signer.raw.equals(issuer.raw)) {
    return undefined
  }
  const reviewed = readForReview(signer)
  const problem =
    findWeakResponder(signer) ??
    findPathProblem([signer, issuer]) ??
    (reviewed && findEncodingWarning(reviewed))
  return problem === undefined && !matchesKeyIdentifier(readCertificateFields(signer).extensions, issuer)
    ? 'its responder has a certificate whose authorityKeyIdentifier is not that of its issuer'
    : distrust(problem)
}

/** Finds what only some validators take of a responder that its issuer has authorized. What they mind in the issuer is told with that. */
function findResponderDoubt(signer: X509Certificate, issuer: X509Certificate): string | undefined {
  const reviewed = signer.raw.equals(issuer.raw) ? undefined : readForReview(signer)
  if (reviewed === undefined) {
    return undefined
  }
  const warning =
    findCurveWarning(reviewed) ??
    findPointWarning(signer, 1) ??
    findSignatureWarning(reviewed) ??
    findFieldWarning(reviewed) ??
    findIssuerNameWarnings([signer, issuer])[0]
  if (warning !== undefined) {
    return `has a responder that some validators do not take (${warning})`
  }
  return matchesAuthorityKeyIdentifier(readCertificateFields(signer).extensions, issuer)
    ? undefined
    : `has a responder whose certificate has ${OTHER_CERTIFICATE}`
}

function distrust(problem: string | undefined): string | undefined {
  return problem && `its responder cannot be trusted: ${problem}`
}
