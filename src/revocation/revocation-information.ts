import type { X509Certificate } from 'node:crypto'
import type { RevocationValues } from '../cms/container-template.ts'
import { defined } from '../common/defined.ts'
import { areAskable } from '../x509/certificate-extensions.ts'
import type { ChainLink } from '../x509/chain.ts'
import { describeSubject } from '../x509/validity.ts'
import type { CachedFetch } from './cached-fetch.ts'
import { findScopeProblem } from './crl/crl.ts'
import type { CheckedCrl } from './crl/crl-check.ts'
import type { Revocation } from './revocation-answer.ts'
import {
  findCrlDoubt,
  type IssuedCertificate,
  isDoubted,
  isMadeBefore,
  lacksProof,
  type VerifiedOcspAnswer,
} from './revocation-checker.ts'

/** Revocation information about a chain. */
export interface RevocationInformation {
  /** Fresh OCSP responses, for those certificates of the chain that have one. */
  readonly ocspResponses: readonly OcspEvidence[]
  /** DER CertificateList (RFC 5280 5.1), fresh, each once. */
  readonly crls: readonly Buffer[]
  /** True if there is something fresh about every certificate of the chain but its root. */
  readonly complete: boolean
  /** The revoked certificate that is nearest to the leaf. */
  readonly revoked?: RevokedCertificate | undefined
  /** The earliest nextUpdate of the responses and CRLs. */
  readonly nextUpdate?: Date | undefined
  /**
   * Time of the last answer about that certificate of which there is none for longest, or at which somebody was asked about
   * it for the first time; undefined if no certificate names an address.
   */
  readonly answeredAt?: Date | undefined
  /** Reasons why something is missing. Each begins with the subject of the certificate that it is about. */
  readonly problems: readonly string[]
  /** The same for callers, without addresses and answers. */
  readonly publicProblems: readonly string[]
}

export interface RevokedCertificate extends Revocation {
  /** The subject in one line. */
  readonly subject: string
}

/** A revoked certificate of a chain. */
export interface RevokedLink extends RevokedCertificate {
  readonly certificate: X509Certificate
}

/** Revocation information about one certificate. */
export interface RevocationState {
  /** The subject in one line. */
  readonly subject: string
  /** True if it has an address that is asked. */
  readonly askable: boolean
  /** True if a first answer has neither come nor failed yet. */
  readonly pending: boolean
  /** Time of the last answer, or at which the watch began; undefined if nobody is asked. */
  readonly answeredAt: Date | undefined
  /** The fresh answers. */
  readonly evidence: Evidence | undefined
  readonly revocation: Revocation | undefined
  /** Reasons why there is nothing fresh. */
  readonly problems: readonly string[]
  /** The same for callers, without addresses and answers. */
  readonly publicProblem: string
}

/** A certificate of a chain, and its watched state; undefined if it is not watched. */
export interface WatchedLink {
  readonly link: ChainLink
  readonly watched: WatchedCertificate | undefined
}

/** Gathers what is known about a chain from the states of its certificates, leaf first. */
export function gatherInformation(states: readonly RevocationState[]): RevocationInformation {
  const evidence = states.flatMap(({ evidence }) => evidence ?? [])
  const missing = states.filter(({ evidence }) => evidence === undefined)
  const revoked = states.find(({ revocation }) => revocation !== undefined)
  const nextUpdates = evidence.map(({ nextUpdate }) => nextUpdate)
  const answers = states.flatMap(({ answeredAt }) => answeredAt ?? [])
  return {
    ocspResponses: evidence.flatMap(({ ocspResponses }) => ocspResponses),
    crls: [...new Set(evidence.flatMap(({ crls }) => crls))],
    complete: missing.length === 0,
    revoked: revoked?.revocation && { subject: revoked.subject, ...revoked.revocation },
    nextUpdate: earliest(nextUpdates),
    answeredAt: earliest(answers),
    problems: missing.flatMap(({ subject, problems }) => problems.map((problem) => `${subject}: ${problem}`)),
    publicProblems: missing.map(({ subject, publicProblem }) => `${subject}: ${publicProblem}`),
  }
}

function earliest(dates: readonly Date[]): Date | undefined {
  return dates.toSorted((a, b) => a.getTime() - b.getTime())[0]
}

/** Finds the revoked certificate that is nearest to the leaf. */
export function findRevoked(links: readonly WatchedLink[], at: Date): RevokedLink | undefined {
  for (const { link, watched } of links) {
    const revocation = watched?.revocation(at)
    if (revocation !== undefined) {
      const { certificate } = link
      return { certificate, subject: describeSubject(certificate), ...revocation }
    }
  }
  return undefined
}

/** Describes what is known about one certificate at a moment. */
export function describeState(
  { link, watched }: WatchedLink,
  at: Date,
  preferred: PreferredEvidence,
): RevocationState {
  if (watched !== undefined) {
    return watched.state(at, preferred)
  }
  const problem =
    link.issuer === undefined ? 'the certificate of its issuer is not known' : 'nobody is asked about it'
  return {
    subject: describeSubject(link.certificate),
    ...{ askable: false, pending: false, answeredAt: undefined, evidence: undefined, revocation: undefined },
    ...{ problems: [problem], publicProblem: problem },
  }
}

/** An OCSP response about one certificate. */
export interface OcspEvidence {
  /** DER OCSPResponse (RFC 6960 4.2.1). */
  readonly der: Buffer
  readonly certificate: X509Certificate
  /** The issuer of the certificate, or the responder that it has authorized. */
  readonly signer: X509Certificate
}

/** Fresh revocation data that show whether a certificate is good. */
export interface Evidence {
  /** The response of OCSP, if there is one. */
  readonly ocspResponses: readonly OcspEvidence[]
  /** DER CertificateList. */
  readonly crls: readonly Buffer[]
  readonly nextUpdate: Date
}

/**
 * Tells which of two is taken where some validators refuse an OCSP response, as one whose responder nothing proves to be good, and a
 * CRL is there too: the CRL, which more validators take (`proven`), or the response (`small`).
 */
export type PreferredEvidence = 'proven' | 'small'

const NO_ADDRESS = 'it names neither an OCSP responder nor a CRL that could be asked'
const NO_ANSWER_YET = 'nobody has answered yet'
const ANSWER_ENDED = 'the last answer has ended, and no other has come yet'

/** The CRL that covers certificates, and its delta CRL, which is asked if there is one. */
export interface CrlLists {
  readonly source: CachedFetch<CheckedCrl>
  readonly delta: CachedFetch<CheckedCrl>
  readonly isDeltaPending: boolean
}

/** A certificate whose revocation is watched: by OCSP, and by the CRL of its issuer if OCSP does not work. */
export class WatchedCertificate {
  readonly issued: IssuedCertificate
  readonly ocsp: CachedFetch<VerifiedOcspAnswer> | undefined
  readonly lists: CrlLists | undefined
  readonly #since = Date.now()
  #former: Statement | undefined

  /** @param former what revoked the certificate before it was watched here */
  constructor(
    issued: IssuedCertificate,
    ocsp: CachedFetch<VerifiedOcspAnswer> | undefined,
    lists: CrlLists | undefined,
    former?: Statement,
  ) {
    this.issued = issued
    this.ocsp = ocsp
    this.lists = lists
    this.#former = former && { ...former, fresh: false }
  }

  /**
   * True if OCSP does not work, or gives answers that some validators refuse, or if a CRL revokes the certificate: it
   * counts until its end, and a later one may have lifted a hold. Otherwise no CRL is fetched, since CRLs are large.
   */
  get needsCrl(): boolean {
    const { ocsp } = this
    const isWanted = this.#isRevokedByCrl() || this.#former !== undefined
    const isInDoubt = ocsp?.held !== undefined && isDoubted(ocsp.held)
    return ocsp === undefined || ocsp.problem !== undefined || isInDoubt || isWanted
  }

  /** Describes what is known at a moment. */
  state(at: Date, preferred: PreferredEvidence = 'proven'): RevocationState {
    const { subject, addresses } = this.issued
    const askable = areAskable(addresses)
    const problems = this.#problems()
    const publicProblem = problems.includes(NO_ANSWER_YET) ? NO_ANSWER_YET : 'no answer that counts'
    return {
      ...{ subject, askable, problems },
      pending: this.#isPending(),
      answeredAt: askable ? this.#answeredAt() : undefined,
      evidence: this.#evidence(at, preferred),
      revocation: this.revocation(at),
      publicProblem: askable ? publicProblem : NO_ADDRESS,
    }
  }

  /**
   * Returns the revocation, if there is one. A stale statement counts too, until a fresh and later one says that the
   * certificate is good, as after a hold: nobody can undo a revocation by withholding answers.
   */
  revocation(at: Date): Revocation | undefined {
    return this.revoking(at)?.revocation
  }

  /** Returns what says that the certificate was revoked, if anything does. */
  revoking(at: Date): Statement | undefined {
    const statements = this.#statements(at)
    const isLifted = ({ thisUpdate, fresh }: Statement) =>
      !fresh && statements.some((other) => other.fresh && !other.revocation && other.thisUpdate > thisUpdate)
    if (this.#former !== undefined && isLifted(this.#former)) {
      this.#former = undefined
    }
    return statements.find((statement) => statement.revocation && !isLifted(statement))
  }

  /** Returns when the fresh data were made that there are, if that was before the certificate was issued. */
  madeBeforeIt(at: Date): Date | undefined {
    const { answer, crl } = this.#select(at)
    const data = answer ?? crl
    return data !== undefined && isMadeBefore(data, this.issued.certificate) ? data.thisUpdate : undefined
  }

  /** Returns the certificate of the responder if nothing shows that this is good, and no CRL stands in for its answer. */
  unprovenResponder(at: Date): X509Certificate | undefined {
    const { answer } = this.#select(at)
    return answer !== undefined && lacksProof(answer) && !this.#isPending() ? answer.signer : undefined
  }

  /** Says which validators do not take the fresh answer that there is, and why, if any, and if no CRL stands in for it. */
  ocspDoubt(at: Date): string | undefined {
    return this.#isPending() ? undefined : this.#select(at).answer?.doubt
  }

  /** Says which validators do not take the fresh CRL that there is, and why, if any. */
  crlDoubt(at: Date): string | undefined {
    const { crl } = this.#select(at)
    return crl && findCrlDoubt(crl, this.issued)
  }

  get crl(): CachedFetch<CheckedCrl> | undefined {
    return this.lists?.source
  }

  #isRevokedByCrl(): boolean {
    const held = [this.lists?.source.held, this.lists?.delta.held]
    return held.some((crl) => crl?.revocations.has(this.issued.serialNumber))
  }

  #answeredAt(): Date {
    const { ocsp, crl } = this
    return new Date(Math.max(ocsp?.heldSince ?? 0, crl?.heldSince ?? 0) || this.#since)
  }

  /** Returns whether a source that is asked for the first time has neither answered nor failed. */
  #isPending(): boolean {
    const { ocsp, crl } = this
    if (ocsp !== undefined && ocsp.held === undefined && ocsp.problem === undefined) {
      return true
    }
    const isSearched = crl?.problem !== undefined || crl?.held?.serialNumbers.has(this.issued.serialNumber)
    return this.needsCrl && crl !== undefined && (isSearched !== true || this.lists?.isDeltaPending === true)
  }

  /** Returns fresh revocation data; undefined if there are none. */
  #evidence(at: Date, preferred: PreferredEvidence): Evidence | undefined {
    const { answer, crl } = this.#select(at, preferred)
    if (answer !== undefined) {
      const { der, signer, responderCrl, nextUpdate } = answer
      return {
        ocspResponses: [{ der, certificate: this.issued.certificate, signer }],
        crls: responderCrl === undefined ? [] : [responderCrl],
        nextUpdate,
      }
    }
    return crl && { ocspResponses: [], crls: [crl.der], nextUpdate: crl.nextUpdate }
  }

  /** Selects the fresh OCSP answer, since it is small, or the fresh CRL. */
  #select(
    at: Date,
    preferred: PreferredEvidence = 'proven',
  ): { readonly answer?: VerifiedOcspAnswer; readonly crl?: CheckedCrl } {
    const answer = this.ocsp?.fresh(at)
    const fresh = this.crl?.fresh(at)
    const crl = fresh && this.#findCrlProblem(fresh) === undefined ? fresh : undefined
    if (answer === undefined || crl === undefined) {
      return defined({ answer, crl })
    }
    // A CRL that some validators refuse proves more than a response without proof, and no more than another one that some refuse
    const provesMore = lacksProof(answer) || (answer.doubt !== undefined && !this.#isDoubted(crl))
    return provesMore && preferred === 'proven' ? { crl } : { answer }
  }

  #isDoubted(crl: CheckedCrl): boolean {
    return findCrlDoubt(crl, this.issued) !== undefined || isMadeBefore(crl, this.issued.certificate)
  }

  /** Lists the reasons why there is nothing fresh. */
  #problems(): string[] {
    const { ignored } = this.issued.addresses
    const held = this.crl?.held
    const problems = [this.ocsp?.problem, this.crl?.problem, held && this.#findCrlProblem(held)].filter(
      (problem) => problem !== undefined,
    )
    if (!areAskable(this.issued.addresses)) {
      problems.push(NO_ADDRESS)
    } else if (problems.length === 0) {
      problems.push((this.ocsp?.held ?? held) === undefined ? NO_ANSWER_YET : ANSWER_ENDED)
    }
    return [
      ...problems,
      ...[...ignored.ocsp, ...ignored.crl].map(({ address, why }) => `${address} is not asked: ${why}`),
    ]
  }

  /** Lists what OCSP, the CRL and the delta CRL say. */
  #statements(at: Date): Statement[] {
    // Each signature asks for them, so that they are gathered in one list
    const statements: Statement[] = []
    const { ocsp, crl } = this
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
    statements.push(...this.#changes())
    if (this.#former !== undefined) {
      statements.push(this.#former)
    }
    return statements
  }

  /**
   * Lists what the delta CRL says. It does not show a certificate to be good: a hold that the CRL lists counts until the next one. What
   * one since a later CRL said counts until one since the held CRL is as new.
   */
  #changes(): Statement[] {
    const changes = this.lists?.delta.standing ?? []
    return changes.map(({ revocations, thisUpdate }) => ({
      revocation: revocations.get(this.issued.serialNumber),
      thisUpdate,
      fresh: false,
    }))
  }

  /** Finds why a CRL says nothing about this certificate. */
  #findCrlProblem({ scope, serialNumbers }: CheckedCrl): string | undefined {
    const { certificate, serialNumber, addresses } = this.issued
    return serialNumbers.has(serialNumber)
      ? findScopeProblem(scope, certificate, addresses.distributionPoints)
      : 'it was not looked for in the CRL yet'
  }
}

/** The statement of an OCSP response or a CRL about a certificate. */
export interface Statement {
  readonly revocation: Revocation | undefined
  readonly thisUpdate: Date
  readonly fresh: boolean
}

/** A certificate and its issuers, leaf first. */
export type CertificatePath = readonly X509Certificate[]

/** Revocation data about several paths together. */
export interface RevocationEvidence {
  /** Each response and each CRL once; undefined if there are none. */
  readonly values: RevocationValues | undefined
  /** The OCSP responses among the values, with the certificates that they are about. */
  readonly ocspResponses: readonly OcspEvidence[]
  /** Paths without missing data and without revocations. The values are about these. */
  readonly covered: readonly CertificatePath[]
  /** Problems of the other paths. Each begins with the subject of a certificate. */
  readonly problems: readonly string[]
  /** The same for callers, without addresses and answers. */
  readonly publicProblems: readonly string[]
}

/** Gathers what is known about several paths now. */
export function gatherEvidence(
  paths: readonly CertificatePath[],
  revocations: { information(path: CertificatePath, at: Date): RevocationInformation },
): RevocationEvidence {
  const at = new Date()
  const all = paths.map((path) => ({ path, information: revocations.information(path, at) }))
  const good = all.filter(({ information }) => isGood(information))
  const others = all.filter(({ information }) => !isGood(information))
  const ocspResponses = good.flatMap(({ information }) => information.ocspResponses)
  const values = {
    ocspResponses: removeDuplicates(ocspResponses.map(({ der }) => der)),
    crls: removeDuplicates(good.flatMap(({ information }) => information.crls)),
  }
  return {
    values: values.ocspResponses.length + values.crls.length === 0 ? undefined : values,
    ocspResponses,
    covered: good.map(({ path }) => path),
    problems: others.flatMap(({ information }) => describe(information, information.problems)),
    publicProblems: others.flatMap(({ information }) => describe(information, information.publicProblems)),
  }
}

/** Removes equal values: a CRL is fetched once for certificates, and again for each responder that it covers. */
function removeDuplicates(values: readonly Buffer[]): Buffer[] {
  return values.filter((value, index) => values.findIndex((other) => other.equals(value)) === index)
}

/** Returns the OCSP responses and CRLs that tell of a path, DER. */
export function valuesOf({ ocspResponses, crls }: RevocationInformation): readonly Buffer[] {
  return [...ocspResponses.map(({ der }) => der), ...crls]
}

/** Returns whether nothing is missing about a path, and nothing of it was revoked. */
export function isGood({ complete, revoked }: RevocationInformation): boolean {
  return complete && revoked === undefined
}

function describe({ revoked }: RevocationInformation, problems: readonly string[]): readonly string[] {
  return revoked === undefined ? problems : [`${revoked.subject}: it was revoked (${revoked.reason})`]
}
