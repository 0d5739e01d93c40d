import type { X509Certificate } from 'node:crypto'
import { type CheckedCrl, checkCrl } from './crl/crl-check.ts'
import { describeOutOfScope } from './crl/crl-scope.ts'
import { type Download, download } from './download.ts'
import { type IssuedCertificate, readIssuedCertificate } from './issued-certificate.ts'
import type { RevocationLimits } from './limits.ts'
import type { RevocationObserver } from './observer.ts'
import { checkOcspResponse, type OcspAnswer } from './ocsp/ocsp-check.ts'
import { createOcspRequest } from './ocsp/ocsp-request.ts'
import { OneAtATime } from './one-at-a-time.ts'

/** id-pkix-ocsp-nocheck: nobody is to be asked about a responder's certificate (RFC 6960 4.2.2.2.1). */
const ID_OCSP_NOCHECK = '1.3.6.1.5.5.7.48.1.5'

/** An answer, with what shows that its responder may still give it where its certificate asks for that. */
export interface VouchedAnswer extends OcspAnswer {
  /** DER. */
  readonly responderCrl?: Buffer
}

/** What is asked for in a CRL. */
export interface CrlQuestion {
  readonly issuer: X509Certificate
  /** Contents of INTEGERs in hex. */
  readonly serialNumbers: ReadonlySet<string>
}

type Fetching = Pick<Download, 'post' | 'limit' | 'timeoutMs' | 'signal'>

/** Asks responders and distribution points: the next one where one fails, and none twice at a time. */
export class Enquirer {
  readonly #observer: RevocationObserver
  readonly #limits: RevocationLimits
  readonly #turns = new OneAtATime()

  constructor(observer: RevocationObserver, limits: RevocationLimits) {
    this.#observer = observer
    this.#limits = limits
  }

  /** @throws Error that says of each responder why its answer does not count */
  async askResponder(issued: IssuedCertificate, signal: AbortSignal): Promise<VouchedAnswer> {
    const { fields, issuerFields, issuer, addresses } = issued
    const { der: body, nonce } = createOcspRequest(fields, issuerFields)
    const post = { type: 'application/ocsp-request', body }
    const fetching = { post, limit: this.#limits.ocspBytes, timeoutMs: this.#limits.ocspTimeoutMs, signal }
    return await this.#askFirst('ocsp', addresses.ocsp, fetching, async (der) => {
      const question = { certificate: fields, issuer, issuerFields, nonce }
      const answer = await checkOcspResponse(der, question, new Date())
      return await this.#vouch(answer, issuer, signal)
    })
  }

  /** @throws Error that says of each distribution point why its CRL does not count */
  async askList(urls: readonly URL[], question: CrlQuestion, signal: AbortSignal): Promise<CheckedCrl> {
    const fetching = { limit: this.#limits.crlBytes, timeoutMs: this.#limits.crlTimeoutMs, signal }
    return await this.#askFirst('crl', urls, fetching, (der) => checkCrl(der, question, new Date()))
  }

  /**
   * Looks for a responder's certificate in the CRL that it names, unless its issuer says that it need not be. One that
   * names none is taken as it is: nothing else could tell, and such certificates are short-lived.
   */
  async #vouch(answer: OcspAnswer, issuer: X509Certificate, signal: AbortSignal): Promise<VouchedAnswer> {
    const { certificate, fields, serialNumber, addresses } = readIssuedCertificate(answer.signer, issuer)
    const isIssuer = certificate.raw.equals(issuer.raw)
    if (isIssuer || fields.extensions.has(ID_OCSP_NOCHECK) || addresses.crl.length === 0) {
      return answer
    }
    const question = { issuer, serialNumbers: new Set([serialNumber]) }
    const crl = await this.askList(addresses.crl, question, signal)
    const wrong = describeOutOfScope(crl.scope, certificate, addresses.distributionPoints)
    if (wrong !== undefined || crl.revocations.has(serialNumber)) {
      throw new Error(`its responder's certificate is not known to be good: ${wrong ?? 'it was revoked'}`)
    }
    const nextUpdate = new Date(Math.min(answer.nextUpdate.getTime(), crl.nextUpdate.getTime()))
    return { ...answer, nextUpdate, responderCrl: crl.der }
  }

  async #askFirst<T>(
    source: 'ocsp' | 'crl',
    urls: readonly URL[],
    fetching: Fetching,
    check: (der: Buffer) => Promise<T>,
  ): Promise<T> {
    const problems: string[] = []
    for (const url of urls) {
      try {
        return await this.#turns.take(`${source} ${url.href}`, () => this.#ask(source, url, fetching, check))
      } catch (error) {
        problems.push(`${url.href}: ${(error as Error).message}`)
      }
    }
    throw new Error(problems.join('; '))
  }

  async #ask<T>(
    source: 'ocsp' | 'crl',
    url: URL,
    fetching: Fetching,
    check: (der: Buffer) => Promise<T>,
  ): Promise<T> {
    const start = performance.now()
    let outcome: 'accepted' | 'refused' | 'unavailable' = 'unavailable'
    let seconds = 0
    try {
      const der = await download({ ...fetching, url }).finally(() => {
        seconds = (performance.now() - start) / 1000
      })
      outcome = 'refused'
      const checked = await check(der)
      outcome = 'accepted'
      return checked
    } finally {
      this.#observer.asked(source, seconds, outcome)
    }
  }
}
