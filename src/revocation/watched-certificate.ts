import type { CachedFetch } from './cached-fetch.ts'
import type { CheckedCrl } from './crl/crl-check.ts'
import { findScopeProblem } from './crl/crl-scope.ts'
import type { IssuedCertificate } from './issued-certificate.ts'
import type { VerifiedOcspAnswer } from './revocation-checker.ts'
import type { Revocation } from './revocation-reason.ts'

/** The statement of an OCSP response or a CRL about a certificate. */
interface Statement {
  readonly revocation: Revocation | undefined
  readonly thisUpdate: Date
  readonly fresh: boolean
}

/** Fresh revocation data that show whether a certificate is good. */
export interface Evidence {
  /** DER OCSPResponse. */
  readonly ocspResponses: readonly Buffer[]
  /** DER CertificateList. */
  readonly crls: readonly Buffer[]
  readonly nextUpdate: Date
}

const NO_ADDRESS = 'it names neither an OCSP responder nor a CRL that could be asked'
const NO_ANSWER_YET = 'nobody has answered yet'

/** A certificate whose revocation is watched: by OCSP, and by the CRL of its issuer if OCSP does not work. */
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

  /** True if OCSP does not work. Otherwise no CRL is fetched, since CRLs are large. */
  get needsCrl(): boolean {
    return this.ocsp === undefined || this.ocsp.problem !== undefined
  }

  /** True while a source that is asked for the first time has neither answered nor failed. */
  get pending(): boolean {
    const { ocsp, crl } = this
    if (ocsp?.tried === false) {
      return true
    }
    const isSearched = crl?.problem !== undefined || crl?.held?.serialNumbers.has(this.issued.serialNumber)
    return this.needsCrl && crl !== undefined && isSearched !== true
  }

  /** Returns fresh revocation data, OCSP first, since it is small; undefined if there are none. */
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
   * Returns the revocation, if there is one. A stale statement counts too, until a fresh and later one says that the
   * certificate is good, as after a hold: nobody can undo a revocation by withholding answers.
   */
  revocation(at: Date): Revocation | undefined {
    const statements = this.#statements(at)
    const isLifted = ({ thisUpdate, fresh }: Statement) =>
      !fresh && statements.some((other) => other.fresh && !other.revocation && other.thisUpdate > thisUpdate)
    return statements.find((statement) => statement.revocation && !isLifted(statement))?.revocation
  }

  /** Summarizes for callers why there is nothing fresh, without addresses and answers. */
  summarizeProblems(): string {
    const { ocsp, crl } = this.issued.addresses
    if (ocsp.length === 0 && crl.length === 0) {
      return NO_ADDRESS
    }
    return this.problems().includes(NO_ANSWER_YET) ? NO_ANSWER_YET : 'no answer that counts'
  }

  /** Lists the reasons why there is nothing fresh. */
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
        // An entry in a CRL of any scope counts, since an issuer uses a serial number once (RFC 5280 4.1.2.2)
        const revocation = list.revocations.get(this.issued.serialNumber)
        const fresh = list === crl?.fresh(at) && this.#findCrlProblem(list) === undefined
        statements.push({ revocation, thisUpdate: list.thisUpdate, fresh })
      }
    }
    return statements
  }

  /** Finds why a CRL says nothing about this certificate. */
  #findCrlProblem({ scope, serialNumbers }: CheckedCrl): string | undefined {
    const { certificate, serialNumber, addresses } = this.issued
    return serialNumbers.has(serialNumber)
      ? findScopeProblem(scope, certificate, addresses.distributionPoints)
      : 'it was not looked for in the CRL yet'
  }
}
