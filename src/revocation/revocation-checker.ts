import type { X509Certificate } from 'node:crypto'
import { type HttpClient, HttpError, type HttpRequest } from '../common/http-client.ts'
import { keepLatest } from '../common/keep-latest.ts'
import { withTimeout } from '../common/with-timeout.ts'
import { type RevocationAddresses, readAddresses } from '../x509/certificate-extensions.ts'
import { type CertificateFields, readCertificateFields } from '../x509/certificate-fields.ts'
import { EXTENSION } from '../x509/extensions.ts'
import { describeSubject, validityPeriod } from '../x509/validity.ts'
import { type CrlScope, findScopeProblem, isNamedOtherwise } from './crl/crl.ts'
import { type CheckedCrl, type CrlQuestion, checkCrl } from './crl/crl-check.ts'
import { LargeAnswers, PART_BYTES } from './large-answers.ts'
import type { RevocationLimits } from './limits.ts'
import { asRevocationOnly, checkOcspResponse, type OcspAnswer } from './ocsp/ocsp-check.ts'
import { createOcspRequest } from './ocsp/ocsp-request.ts'
import { UnknownCertificate } from './ocsp/ocsp-response.ts'
import { NoAnswer, NotAsked, RequestQueue } from './request-queue.ts'
import { describeReason, earlier, type Flawed, type UpdateTimes } from './revocation-answer.ts'

/** An OCSP answer, and the CRL that shows its responder's certificate to be good, if that certificate names one. */
export interface VerifiedOcspAnswer extends OcspAnswer {
  /** DER CertificateList. */
  readonly responderCrl?: Buffer
  /** Its responder, if a CRL of their issuer may revoke the certificate of that. */
  readonly responder?: Responder
}

/** Returns whether nothing shows that the certificate of the responder is good, so that some validators refuse the answer. */
export function lacksProof({ responder, responderCrl }: VerifiedOcspAnswer): boolean {
  return responder !== undefined && responderCrl === undefined
}

/** Returns whether some validators refuse an answer, so that a CRL is preferred to it. */
export function isDoubted(answer: VerifiedOcspAnswer): boolean {
  return lacksProof(answer) || answer.doubt !== undefined
}

const NAMES_OWN_ISSUER =
  'is that of a distribution point with its own issuer as cRLIssuer: Bouncy Castle, PDFBox and pyHanko do not take it'

const IS_NAMED_OTHERWISE =
  'names its address in other octets than the certificate: OpenSSL, and often Bouncy Castle, PDFBox and pyHanko, do not take it'

/** Says which validators do not take a CRL about a certificate, and why, if any. */
export function findCrlDoubt(
  { doubt, scope }: Pick<CheckedCrl, 'doubt' | 'scope'>,
  { addresses }: Pick<IssuedCertificate, 'addresses'>,
): string | undefined {
  if (doubt !== undefined) {
    return doubt
  }
  if (isNamedOtherwise(scope, addresses.distributionPoints)) {
    return IS_NAMED_OTHERWISE
  }
  return addresses.namesOwnIssuer ? NAMES_OWN_ISSUER : undefined
}

/** Returns whether data were made before a certificate was issued, so that who made them may not have known of it. */
export function isMadeBefore({ thisUpdate }: UpdateTimes, certificate: X509Certificate): boolean {
  return thisUpdate < validityPeriod(certificate).notBefore
}

export interface Responder {
  /** Fingerprint of the certificate of the issuer. */
  readonly issuer: string
  /** Content of the INTEGER in hex. */
  readonly serialNumber: string
}

/** Reasons for which the answers of a revoked responder are not in doubt (RFC 5280 5.3.1). */
const HARMLESS_REASONS: readonly string[] = [3, 4, 5].map(describeReason)

/** A request to an address of a source. */
type FetchOptions = Pick<HttpRequest, 'body' | 'limit' | 'silenceMs' | 'signal'> & {
  readonly timeoutMs: number
}

const IS_OLDER = "was made before the responder's certificate was issued: EU DSS does not take it"

/** CRLs about responders that are kept: an authority may give each new certificate of a responder an address of its own. */
const MAX_RESPONDER_CRLS = 8

/** Asks OCSP responders and CRL distribution points. It tries the next one if one fails. */
export class RevocationChecker {
  readonly #client: HttpClient
  readonly #observer: RevocationObserver
  readonly #limits: RevocationLimits
  /**
   * A responder that loses a request about one certificate must not keep those about the others waiting. More than two at once
   * would be too many for one that answers slowly, and one after another.
   */
  readonly #queues = {
    ocsp: new RequestQueue(2),
    crl: new RequestQueue(1),
    responderCrl: new RequestQueue(1),
  }
  readonly #largeAnswers = new LargeAnswers()
  /** The last CRLs about responders by their addresses, the latest last. */
  readonly #responderCrls = new Map<string, Buffer>()
  /** Failures to get CRLs about responders, the latest last, with the time until which these are not asked for again. */
  readonly #failedResponderCrls = new Map<string, { readonly error: Error; readonly until: number }>()

  constructor(client: HttpClient, observer: RevocationObserver, limits: RevocationLimits) {
    this.#client = client
    this.#observer = observer
    this.#limits = limits
  }

  /**
   * Asks the OCSP responders of a certificate. The issuer's name in a request is that of the certificate (RFC 6960 4.1.1). Where that
   * of the issuer's own certificate is encoded otherwise, who does not know the certificate is asked by it too, since some
   * responders know their certificates by it, as `openssl ocsp` does.
   *
   * @throws Error that says for each responder why its answer does not count; NotAsked if there was no request
   */
  async askResponder(issued: IssuedCertificate, signal: AbortSignal): Promise<VerifiedOcspAnswer> {
    const { fields, issuerFields, addresses } = issued
    return await this.#fetchFirst('ocsp', addresses.ocsp, async (url) => {
      try {
        return await this.#askOne(url, issued, fields.issuer, signal)
      } catch (error) {
        if (!(error instanceof UnknownCertificate) || fields.issuer.equals(issuerFields.subject)) {
          throw error
        }
        return await this.#askOne(url, issued, issuerFields.subject, signal)
      }
    })
  }

  /**
   * Asks a responder, which may know the certificate by the name of its issuer as the one or the other certificate has it.
   *
   * @param name of the issuer, DER
   */
  async #askOne(
    url: URL,
    issued: IssuedCertificate,
    name: Buffer,
    signal: AbortSignal,
  ): Promise<VerifiedOcspAnswer> {
    const { fields, issuerFields, issuer } = issued
    const { der: content, nonce } = createOcspRequest({ ...fields, issuer: name }, issuerFields)
    const body = { type: 'application/ocsp-request', content }
    const asking = { body, limit: this.#limits.ocspBytes, timeoutMs: this.#limits.ocspTimeoutMs, signal }
    return await this.#fetch('ocsp', url, asking, async (der) => {
      const question = { certificate: fields, issuer, issuerFields, nonce }
      const answer = await checkOcspResponse(der, question, new Date())
      return await this.#checkSigner(answer, issued, signal)
    })
  }

  /**
   * Fetches a CRL from its distribution points, and looks for certificates in it.
   *
   * @throws Error that says for each distribution point why its CRL does not count; NotAsked if there was no request
   */
  async fetchCrl(urls: readonly URL[], question: CrlQuestion, signal: AbortSignal): Promise<CheckedCrl> {
    const { crlBytes: limit, crlTimeoutMs: timeoutMs, crlSilenceMs: silenceMs } = this.#limits
    const asking = { limit, timeoutMs, silenceMs, signal }
    const check = (der: Buffer) => checkCrl(der, question, new Date())
    return await this.#fetchFirst('crl', urls, (url) => this.#fetch('crl', url, asking, check))
  }

  /** Has CRLs about responders that did not come asked for again. */
  forgetFailures(): void {
    this.#failedResponderCrls.clear()
  }

  /**
   * Looks for a responder's certificate in the CRL that it names, unless it has the extension ocsp-nocheck (RFC 6960
   * 4.2.2.2.1). It accepts one that names no CRL: nothing else could tell, and such certificates are short-lived.
   */
  async #checkSigner(
    answer: OcspAnswer,
    { issuer, serialNumber: asked }: IssuedCertificate,
    signal: AbortSignal,
  ): Promise<VerifiedOcspAnswer> {
    const signer = readIssuedCertificate(answer.signer, issuer)
    const { certificate, fields, serialNumber, addresses } = signer
    const isIssuer = certificate.raw.equals(issuer.raw)
    if (isIssuer || fields.extensions.has(EXTENSION.ocspNoCheck)) {
      return answer
    }
    const responder = { issuer: issuer.fingerprint256, serialNumber }
    if (addresses.crl.length === 0) {
      return { ...answer, responder }
    }
    const question = {
      ...{ issuer, serialNumbers: new Set([serialNumber, asked]) },
      findScopeProblem: (scope: CrlScope) =>
        findScopeProblem(scope, certificate, addresses.distributionPoints),
    }
    const crl = await this.#fetchResponderCrl(responder, addresses.crl, question, signal)
    signal.throwIfAborted()
    const doubt = "its responder's certificate is not known to be good"
    if (crl instanceof Error) {
      return asRevocationOnly(answer, `${doubt}: ${crl.message}`)
    }
    const revoked = crl.revocations.get(serialNumber)
    if (revoked !== undefined) {
      const flaw = `${doubt}: it was revoked`
      // The issuer's own word counts, whoever may have made the answer
      const own = HARMLESS_REASONS.includes(revoked.reason) ? answer.revocation : undefined
      const revocation = crl.revocations.get(asked) ?? own
      if (revocation === undefined) {
        throw new ResponderRevoked(flaw, answer.signer)
      }
      return { ...answer, revocation, flaw }
    }
    const crlDoubt = findCrlDoubt(crl, signer) ?? (isMadeBefore(crl, certificate) ? IS_OLDER : undefined)
    return {
      ...answer,
      doubt: answer.doubt ?? (crlDoubt && `has a responder whose CRL ${crlDoubt}`),
      nextUpdate: earlier(answer.nextUpdate, crl.nextUpdate),
      ...{ responder, responderCrl: this.#shared(addresses.crl.join(' '), crl.der) },
    }
  }

  /**
   * Fetches a CRL about a responder. Each certificate of an authority waits for it, one after another, so that one that did not
   * come is not asked for again for as long as an answer may take.
   */
  async #fetchResponderCrl(
    { issuer, serialNumber }: Responder,
    urls: readonly URL[],
    question: CrlQuestion,
    signal: AbortSignal,
  ): Promise<CheckedCrl | Error> {
    const key = [issuer, serialNumber, ...urls].join(' ')
    return await this.#queues.responderCrl.inTurn(key, async () => {
      const failed = this.#failedResponderCrls.get(key)
      if (failed !== undefined && performance.now() < failed.until) {
        return failed.error
      }
      this.#failedResponderCrls.delete(key)
      const crl = await this.fetchCrl(urls, question, signal).catch((error: Error) => error)
      if (crl instanceof Error && !signal.aborted) {
        const until = performance.now() + this.#limits.crlTimeoutMs
        keepLatest(this.#failedResponderCrls, key, { error: crl, until }, MAX_RESPONDER_CRLS)
      }
      return crl
    })
  }

  /** Returns the CRL that came before if it is the same: each answer would hold megabytes of its own. */
  #shared(addresses: string, crl: Buffer): Buffer {
    const before = this.#responderCrls.get(addresses)
    const shared = before?.equals(crl) ? before : crl
    keepLatest(this.#responderCrls, addresses, shared, MAX_RESPONDER_CRLS)
    return shared
  }

  /**
   * Goes on to the next address after an answer with a flaw too: the list of a mirror that was left behind may revoke one
   * certificate, and show none of the others to be good. Where the next answer is not older, it alone counts.
   */
  async #fetchFirst<T extends Flawed & UpdateTimes>(
    source: 'ocsp' | 'crl',
    urls: readonly URL[],
    fetch: (url: URL) => Promise<T>,
  ): Promise<T> {
    const problems: string[] = []
    let flawed: T | undefined
    let revoked: X509Certificate | undefined
    let wasAsked = false
    for (const url of urls) {
      try {
        const answer = await this.#queues[source].inTurn(url.href, () => fetch(url))
        if (answer.flaw === undefined) {
          return flawed !== undefined && flawed.thisUpdate > answer.thisUpdate ? flawed : answer
        }
        if (flawed === undefined || answer.thisUpdate > flawed.thisUpdate) {
          flawed = { ...answer, flaw: `${url.href}: ${answer.flaw}` }
        }
      } catch (error) {
        problems.push(`${url.href}: ${(error as Error).message}`)
        revoked = error instanceof ResponderRevoked ? error.signer : revoked
        wasAsked ||= !(error instanceof NotAsked)
      }
    }
    if (flawed !== undefined) {
      return flawed
    }
    const message = problems.join('; ')
    if (revoked !== undefined) {
      throw new ResponderRevoked(message, revoked)
    }
    throw wasAsked ? new Error(message) : new NotAsked(message)
  }

  async #fetch<T extends Flawed>(
    source: 'ocsp' | 'crl',
    url: URL,
    { timeoutMs, signal, ...request }: FetchOptions,
    check: (der: Buffer) => Promise<T>,
  ): Promise<T> {
    const start = performance.now()
    let outcome: 'accepted' | 'refused' | 'unavailable' = 'unavailable'
    let seconds = 0
    const parts = this.#largeAnswers.createParts(url.host)
    try {
      const late = new HttpError('late', `did not answer within ${timeoutMs} ms`)
      const { body } = await withTimeout(timeoutMs, late, signal, (signal, pauseFor) => {
        const next = () => pauseFor(parts.next())
        const paced = { ...parts, next, bytes: PART_BYTES, paceMs: this.#limits.partPaceMs }
        return this.#client.send({ ...request, url, signal, parts: paced })
      })
        .catch((error) => {
          if (!(error instanceof HttpError)) {
            throw error
          }
          throw new (error.failure === 'late' ? NoAnswer : Error)(`it ${error.message}`)
        })
        .finally(() => {
          seconds = (performance.now() - start) / 1000
        })
      outcome = 'refused'
      const checked = await check(body)
      outcome = checked.flaw === undefined ? 'accepted' : 'refused'
      return checked
    } finally {
      parts.end()
      this.#observer.asked(source, seconds, outcome, url.host)
    }
  }
}

/** Says that an answer does not count since the certificate of its responder was revoked. */
export class ResponderRevoked extends Error {
  readonly signer: X509Certificate

  constructor(message: string, signer: X509Certificate) {
    super(message)
    this.signer = signer
  }
}

/** A certificate, and the issuer that may revoke it. */
export interface IssuedCertificate {
  readonly certificate: X509Certificate
  readonly issuer: X509Certificate
  /** The subject in one line. */
  readonly subject: string
  readonly fields: CertificateFields
  readonly issuerFields: CertificateFields
  /** Content of the INTEGER in hex. */
  readonly serialNumber: string
  readonly addresses: RevocationAddresses
}

/**
 * Reads the fields of both certificates.
 *
 * @throws Error when one of them is not DER, even if OpenSSL could read it
 */
export function readIssuedCertificate(
  certificate: X509Certificate,
  issuer: X509Certificate,
): IssuedCertificate {
  const fields = readCertificateFields(certificate)
  return {
    certificate,
    issuer,
    subject: describeSubject(certificate),
    fields,
    issuerFields: readCertificateFields(issuer),
    serialNumber: fields.serialNumber.toString('hex'),
    addresses: readAddresses(fields),
  }
}

/** Counts requests for revocation information. Its methods must not throw. */
export interface RevocationObserver {
  /** Records the duration and the outcome of a request: the answer counts, is refused, or did not come. */
  asked(
    source: 'ocsp' | 'crl',
    seconds: number,
    outcome: 'accepted' | 'refused' | 'unavailable',
    host: string,
  ): void
}
