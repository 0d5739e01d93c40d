import type { CachedFetch } from './cached-fetch.ts'
import type { CheckedCrl } from './crl/crl-check.ts'
import { findScopeProblem } from './crl/crl-scope.ts'
import type { IssuedCertificate } from './issued-certificate.ts'
import type { VerifiedOcspAnswer } from './revocation-checker.ts'
import type { Revocation } from './revocation-reason.ts'

/** What somebody said about a certificate. */
interface Statement {
  readonly revocation: Revocation | undefined
  readonly thisUpdate: Date
  readonly fresh: boolean
}

/** What shows that a certificate is good, or that it is not. */
export interface Evidence {
  /** DER. */
  readonly ocspResponses: readonly Buffer[]
  /** DER. */
  readonly crls: readonly Buffer[]
  readonly nextUpdate: Date
}

const NO_ADDRESS = 'it names neither an OCSP responder nor a CRL that could be asked'
const NO_ANSWER_YET = 'nobody has answered yet'

/** A certificate whose state is kept known: by OCSP, and by the CRL of its issuer where that does not work. */
export class WatchedCertificate {
  readonly issued: IssuedCertificate
  readonly ocsp: CachedFetch<VerifiedOcspAnswer> | undefined
  readonly crl: CachedFetch<CheckedCrl> | undefined

  constructor(
    issued: IssuedCertificate,
    ocsp: CachedFetch<VerifiedOcspAnswer> | undefined,
    crl: CachedFetch<CheckedCrl> | undefined,
  ) {
    this.issued = issued
    this.ocsp = ocsp
    this.crl = crl
  }

  /** CRLs are large: where OCSP works, they are not fetched. */
  get needsCrl(): boolean {
    return this.ocsp === undefined || this.ocsp.problem !== undefined
  }

  /** Whether somebody who is asked about it for the first time has not answered yet, and has not failed either. */
  get pending(): boolean {
    const { ocsp, crl } = this
    if (ocsp?.tried === false) {
      return true
    }
    const isSearched = crl?.problem !== undefined || crl?.held?.serialNumbers.has(this.issued.serialNumber)
    return this.needsCrl && crl !== undefined && isSearched !== true
  }

  /** Undefined where there is nothing fresh. OCSP comes first, since it is small. */
  evidence(at: Date): Evidence | undefined {
    const answer = this.ocsp?.fresh(at)
    if (answer !== undefined) {
      const { der, responderCrl, nextUpdate } = answer
      return { ocspResponses: [der], crls: responderCrl === undefined ? [] : [responderCrl], nextUpdate }
    }
    const crl = this.crl?.fresh(at)
    return crl && this.#findCrlProblem(crl) === undefined
      ? { ocspResponses: [], crls: [crl.der], nextUpdate: crl.nextUpdate }
      : undefined
  }

  /**
   * That it is revoked. Once that was said it counts when it is no longer fresh too, until somebody says later that the
   * certificate is good, as after a hold: who keeps the answers back must not make it good.
   */
  revocation(at: Date): Revocation | undefined {
    const statements = this.#statements(at)
    const isLifted = ({ thisUpdate, fresh }: Statement) =>
      !fresh && statements.some((other) => other.fresh && !other.revocation && other.thisUpdate > thisUpdate)
    return statements.find((statement) => statement.revocation && !isLifted(statement))?.revocation
  }

  /** Says to callers why there is nothing fresh, without addresses and what came from there. */
  summarizeProblems(): string {
    const { ocsp, crl } = this.issued.addresses
    if (ocsp.length === 0 && crl.length === 0) {
      return NO_ADDRESS
    }
    return this.problems().includes(NO_ANSWER_YET) ? NO_ANSWER_YET : 'no answer that counts'
  }

  /** Why there is nothing fresh, in words. */
  problems(): string[] {
    const { ocsp, crl, ignored } = this.issued.addresses
    const held = this.crl?.held
    const problems = [this.ocsp?.problem, this.crl?.problem, held && this.#findCrlProblem(held)].filter(
      (problem) => problem !== undefined,
    )
    if (ocsp.length === 0 && crl.length === 0) {
      problems.push(NO_ADDRESS)
    } else if (problems.length === 0) {
      problems.push(NO_ANSWER_YET)
    }
    return [
      ...problems,
      ...[...ignored.ocsp, ...ignored.crl].map(
        (address) => `${address} is not asked: only http and https are`,
      ),
    ]
  }

  #statements(at: Date): Statement[] {
    const { ocsp, crl } = this
    const statements: Statement[] = []
    for (const answer of [ocsp?.held, ocsp?.flawed]) {
      if (answer !== undefined) {
        const { revocation, thisUpdate } = answer
        statements.push({ revocation, thisUpdate, fresh: answer === ocsp?.fresh(at) })
      }
    }
    for (const list of [crl?.held, crl?.flawed]) {
      if (list !== undefined) {
        // A serial number stands for one certificate of its issuer (RFC 5280 4.1.2.2): an entry in a CRL of any kind counts
        const revocation = list.revocations.get(this.issued.serialNumber)
        const fresh = list === crl?.fresh(at) && this.#findCrlProblem(list) === undefined
        statements.push({ revocation, thisUpdate: list.thisUpdate, fresh })
      }
    }
    return statements
  }

  /** Why a CRL says nothing about this certificate, in words. */
  #findCrlProblem({ scope, serialNumbers }: CheckedCrl): string | undefined {
    const { certificate, serialNumber, addresses } = this.issued
    return serialNumbers.has(serialNumber)
      ? findScopeProblem(scope, certificate, addresses.distributionPoints)
      : 'it was not looked for in the CRL yet'
  }
}
