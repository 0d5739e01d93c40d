import type { X509Certificate } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HttpClient } from '../common/http-client.ts'
import { keepLatest } from '../common/keep-latest.ts'
import { readCertificateExtensions } from '../x509/certificate-extensions.ts'
import {
  buildChain,
  type ChainLink,
  chainLinks,
  hasSameIssuer,
  hasSameSubject,
  isSelfSigned,
  linkKey,
} from '../x509/chain.ts'
import { describeSubject } from '../x509/validity.ts'
import { CachedFetch, type CachedFetchOptions } from './cached-fetch.ts'
import { CrlCache } from './crl-cache.ts'
import { DEFAULT_LIMITS, type RevocationLimits } from './limits.ts'
import type { Flawed, UpdateTimes } from './revocation-answer.ts'
import {
  type IssuedCertificate,
  type Responder,
  ResponderRevoked,
  RevocationChecker,
  type RevocationObserver,
  readIssuedCertificate,
  type VerifiedOcspAnswer,
} from './revocation-checker.ts'
import {
  type CertificatePath,
  describeState,
  findRevoked,
  gatherInformation,
  type PreferredEvidence,
  type RevocationInformation,
  type RevocationState,
  type RevokedLink,
  WatchedCertificate,
  type WatchedLink,
} from './revocation-information.ts'

export interface RevocationServiceOptions {
  readonly log: BaseLogger
  readonly client: HttpClient
  readonly observer: RevocationObserver
  /** Limits other than those of `DEFAULT_LIMITS`. */
  readonly limits?: Partial<RevocationLimits>
}

/** Responders that are remembered. An authority has a few at a time. */
const MAX_RESPONDERS = 256
const RESPONDER_REVOKED = "its responder's certificate was revoked"

function keyOf({ issuer, serialNumber }: Responder): string {
  return `${issuer} ${serialNumber}`
}

/** Functions that describe data about a certificate which some validators do not take, each of one kind. */
const DOUBTS: readonly ((certificate: WatchedCertificate, at: Date) => string | undefined)[] = [
  // Who was asked may not have known of the certificate
  (certificate, at) => {
    const made = certificate.madeBeforeIt(at)
    return (
      made &&
      `The revocation information about ${certificate.issued.subject} is of ${made.toISOString()}, before the certificate was issued: ` +
        'until the next, EU DSS finds no acceptable revocation data in containers of level b-lt'
    )
  },
  // Validators can ask nobody whether the responder was revoked
  (certificate, at) => {
    const responder = certificate.unprovenResponder(at)
    return (
      responder &&
      `The OCSP responder of ${certificate.issued.subject}, ${describeSubject(responder)}, has a certificate that neither has the ` +
        'extension ocsp-nocheck nor names a CRL that is asked: EU DSS, pyHanko and Bouncy Castle refuse containers of level b-lt ' +
        'with its answers; have the authority correct it'
    )
  },
  (certificate, at) => {
    const doubt = certificate.ocspDoubt(at)
    return (
      doubt &&
      `The OCSP response about ${certificate.issued.subject} ${doubt} in containers of level b-lt; have the authority correct it`
    )
  },
  (certificate, at) => {
    const doubt = certificate.crlDoubt(at)
    return (
      doubt &&
      `The CRL about ${certificate.issued.subject} ${doubt} in containers of level b-lt; have the authority correct it`
    )
  },
]

/**
 * Keeps revocation information about the certificates of signers, by OCSP (RFC 6960) and CRLs (RFC 5280). It asks in
 * the background, ahead of time, and `information` returns what has come.
 */
export class RevocationService {
  readonly #log: BaseLogger
  readonly #limits: RevocationLimits
  readonly #checker: RevocationChecker
  /** Certificates that the log has called revoked. */
  readonly #logged = new WeakSet<WatchedCertificate>()
  /** Positions in `DOUBTS` of those of which the log has told. */
  readonly #told = new WeakMap<WatchedCertificate, Set<number>>()
  /** Keyed by `linkKey`. */
  #certificates: ReadonlyMap<string, WatchedCertificate> = new Map()
  /** Keyed by issuer, addresses and the kind of certificates, which share one. */
  #crlCaches: ReadonlyMap<string, CrlCache> = new Map()
  /** Responders that have answered, the latest last, keyed by `keyOf`. */
  readonly #responders = new Map<string, Responder>()
  /** Links that were looked up already, keyed by chain. */
  #found = new WeakMap<readonly X509Certificate[], readonly WatchedLink[]>()
  #chains: readonly CertificatePath[] = []
  /** Certificates of files, each once. */
  #files: readonly X509Certificate[] = []
  #running = false

  constructor({ log, client, observer, limits }: RevocationServiceOptions) {
    this.#log = log
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.#checker = new RevocationChecker(client, observer, this.#limits)
  }

  /**
   * Watches these chains and no others. It keeps what it knows about those that stay.
   *
   * @param chains each leaf first
   * @param files certificates of files, among which may be those of other keys of the issuers
   */
  watch(chains: readonly CertificatePath[], files: readonly (readonly X509Certificate[])[] = []): void {
    this.#chains = chains
    // Many signers have the same files, or the same authorities in them
    this.#files = unique([...new Set(files)].flat())
    const certificates = new Map<string, WatchedCertificate>()
    const lists = new Map<string, CrlCache>()
    const former = [...this.#certificates.values()]
    for (const link of chains.flatMap(chainLinks)) {
      const issued = this.#read(link)
      if (issued !== undefined) {
        const key = linkKey(issued.certificate, issued.issuer)
        const list = this.#crlCacheFor(issued, lists)
        const known = this.#certificates.get(key)
        certificates.set(key, known ?? this.#watchCertificate(issued, list, former))
      }
    }
    const before = this.#sources()
    this.#certificates = certificates
    this.#crlCaches = lists
    this.#found = new WeakMap()
    const kept = new Set(this.#sources())
    for (const source of before.filter((one) => !kept.has(one))) {
      source.stop()
    }
    for (const list of lists.values()) {
      list.setMembers([...certificates.values()].filter(({ lists }) => lists === list))
    }
    if (this.#running) {
      this.start()
    }
  }

  /** Starts asking in the background. */
  start(): void {
    this.#running = true
    for (const { ocsp } of this.#certificates.values()) {
      ocsp?.start()
    }
    this.#review()
  }

  /** Stops asking, and keeps what is known. */
  stop(): void {
    this.#running = false
    for (const source of this.#sources()) {
      source.stop()
    }
  }

  /** Asks all sources that are in use at once, and those again that are being asked. Known answers count meanwhile. */
  renew(): void {
    this.#checker.forgetFailures()
    for (const source of this.#sources()) {
      source.renew(true)
    }
  }

  /** Asks again at once those sources whose last try failed. */
  retry(): void {
    for (const source of this.#sources()) {
      if (source.problem !== undefined) {
        source.renew()
      }
    }
  }

  /**
   * Returns what is known now, without asking or waiting.
   *
   * @param chain leaf first, one of those that are watched
   */
  information(
    chain: readonly X509Certificate[],
    at = new Date(),
    preferred: PreferredEvidence = 'proven',
  ): RevocationInformation {
    return gatherInformation(this.states(chain, at, preferred))
  }

  /** Returns the revoked certificate of a chain that is nearest to the leaf. Each request calls this, so it is fast. */
  revoked(chain: readonly X509Certificate[], at = new Date()): RevokedLink | undefined {
    return findRevoked(this.#find(chain), at)
  }

  /** Returns what is known about each certificate of a chain but the root. */
  states(
    chain: readonly X509Certificate[],
    at = new Date(),
    preferred: PreferredEvidence = 'proven',
  ): RevocationState[] {
    return this.#find(chain).map((link) => describeState(link, at, preferred))
  }

  /** Describes the data about a chain that some validators do not take in containers of level b-lt, in sentences. */
  doubts(chain: readonly X509Certificate[], at = new Date()): string[] {
    return this.#find(chain).flatMap(({ watched }) =>
      watched === undefined ? [] : DOUBTS.flatMap((describe) => describe(watched, at) ?? []),
    )
  }

  /** Looks up the links of a chain. It does so once for the same array, since fingerprints take long. */
  #find(chain: readonly X509Certificate[]): readonly WatchedLink[] {
    const known = this.#found.get(chain)
    if (known !== undefined) {
      return known
    }
    const found = chainLinks(chain).map((link) => {
      const { certificate, issuer } = link
      return { link, watched: issuer && this.#certificates.get(linkKey(certificate, issuer)) }
    })
    this.#found.set(chain, found)
    return found
  }

  #read({ certificate, issuer }: ChainLink): IssuedCertificate | undefined {
    try {
      return issuer && readIssuedCertificate(certificate, issuer)
    } catch (error) {
      const subject = describeSubject(certificate)
      this.#log.warn(`Nobody is asked whether ${subject} was revoked: ${(error as Error).message}`)
      return undefined
    }
  }

  #watchCertificate(
    issued: IssuedCertificate,
    list: CrlCache | undefined,
    former: readonly WatchedCertificate[],
  ): WatchedCertificate {
    // Below another certificate of its issuer it is the same: with the same key, and under the same serial number
    const same = former.filter((one) => one.issued.certificate.raw.equals(issued.certificate.raw))
    const revoking = same.flatMap((one) => one.revoking(new Date()) ?? [])
    const [latest] = revoking.toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime())
    return new WatchedCertificate(issued, this.#ocspSource(issued), list, latest)
  }

  #crlCacheFor(issued: IssuedCertificate, lists: Map<string, CrlCache>): CrlCache | undefined {
    const { certificate, issuer, addresses } = issued
    if (addresses.crl.length === 0) {
      return undefined
    }
    // One address may have the CRL about authorities, and another one that about users (RFC 5280 5.2.5)
    const key = [issuer.fingerprint256, certificate.ca, ...addresses.crl].join(' ')
    const list = lists.get(key) ?? this.#crlCaches.get(key) ?? this.#createCrlCache(issued)
    lists.set(key, list)
    return list
  }

  #ocspSource(issued: IssuedCertificate): CachedFetch<VerifiedOcspAnswer> | undefined {
    const ask = (signal: AbortSignal) => this.#ask(issued, signal)
    return issued.addresses.ocsp.length === 0
      ? undefined
      : this.#source<VerifiedOcspAnswer>(`OCSP about ${issued.subject}`, {
          ask,
          revokes: ({ revocation }) => revocation !== undefined,
          // Whoever has the key of a revoked responder could have made the answer
          disowns: (problem, { revocation, signer }) =>
            revocation === undefined &&
            problem instanceof ResponderRevoked &&
            problem.signer.raw.equals(signer.raw),
        })
  }

  #createCrlCache({ issuer, addresses }: IssuedCertificate): CrlCache {
    const name = describeSubject(issuer)
    return new CrlCache({
      urls: addresses.crl,
      issuer: issuer.fingerprint256,
      responders: () =>
        [...this.#responders.values()].flatMap((one) =>
          one.issuer === issuer.fingerprint256 ? one.serialNumber : [],
        ),
      fetch: (urls, question, signal) => {
        const findOtherKeys = () => this.#otherKeysOf(issuer)
        return this.#checker.fetchCrl(urls, { issuer, findOtherKeys, ...question }, signal)
      },
      createSource: (kind, ask) =>
        this.#source(`the ${kind} of ${name}`, { ask, revokes: ({ revocations }) => revocations.size > 0 }),
      onUnreachableDelta: (address, why) =>
        this.#log.warn(
          `Nobody asks for the delta CRL of ${name}: ${address} is not asked: ${why}. A revocation is noticed with the next CRL`,
        ),
    })
  }

  /**
   * Returns the certificates of other keys of an issuer that lead to one above it (RFC 5280 6.3.3 (f)): an authority with a new key may
   * sign its one CRL with that, also about certificates that it has issued with the former, and some have a key for CRLs alone. Above a
   * chain without its root is whatever has the issuer that is missing.
   */
  #otherKeysOf(issuer: X509Certificate): readonly X509Certificate[] {
    const chains = this.#chains.filter((chain) => chain.some(({ raw }) => raw.equals(issuer.raw)))
    const ends = unique(chains.flatMap((chain) => chain.slice(-1)))
    // Only a CRL of another key leads here: there may be thousands to read
    const others = this.#files.filter(maySignCrls)
    const leadsTo = (certificate: X509Certificate, isEnd: (one: X509Certificate) => boolean) =>
      buildChain(certificate, [...others, ...ends], new Date(), isEnd).complete
    const isAbove = (one: X509Certificate) =>
      ends.some(
        (end) =>
          leadsTo(end, ({ raw }) => raw.equals(one.raw)) || (!isSelfSigned(end) && hasSameIssuer(end, one)),
      )
    return others.filter(
      (other) => hasSameSubject(other, issuer) && !other.raw.equals(issuer.raw) && leadsTo(other, isAbove),
    )
  }

  #source<T extends UpdateTimes & Flawed>(
    name: string,
    how: Pick<CachedFetchOptions<T>, 'ask' | 'revokes' | 'disowns'>,
  ): CachedFetch<T> {
    return new CachedFetch({
      ...{ name, ...how },
      ...{ onTried: () => this.#review(), limits: this.#limits, log: this.#log },
    })
  }

  #review(): void {
    this.#disownAnswers()
    for (const list of this.#crlCaches.values()) {
      list.review()
    }
    for (const certificate of this.#certificates.values()) {
      this.#logChange(certificate)
      this.#warn(certificate)
    }
  }

  /** Warns once of each kind of data that some validators do not take. */
  #warn(certificate: WatchedCertificate): void {
    const at = new Date()
    const told = this.#told.get(certificate) ?? new Set()
    this.#told.set(certificate, told)
    for (const [kind, describe] of DOUBTS.entries()) {
      const doubt = told.has(kind) ? undefined : describe(certificate, at)
      if (doubt !== undefined) {
        told.add(kind)
        this.#log.warn(doubt)
      }
    }
  }

  /** Gives up the answers of responders that a CRL revokes: whoever has the key of one could have made them. */
  #disownAnswers(): void {
    const revoked = new Set(
      [...this.#responders].filter(([, one]) => this.#isRevoked(one)).map(([key]) => key),
    )
    for (const { ocsp } of this.#certificates.values()) {
      const { responder, revocation } = ocsp?.held ?? {}
      if (responder !== undefined && revocation === undefined && revoked.has(keyOf(responder))) {
        ocsp?.disown(RESPONDER_REVOKED)
      }
    }
  }

  #isRevoked({ issuer, serialNumber }: Responder): boolean {
    return [...this.#crlCaches.values()].some((list) => list.issuer === issuer && list.revokes(serialNumber))
  }

  /** Asks about a certificate, and remembers who answers, so that CRLs are looked through for that responder too. */
  async #ask(issued: IssuedCertificate, signal: AbortSignal): Promise<VerifiedOcspAnswer> {
    const answer = await this.#checker.askResponder(issued, signal)
    const { responder, revocation, signer } = answer
    if (responder !== undefined) {
      keepLatest(this.#responders, keyOf(responder), responder, MAX_RESPONDERS)
      if (revocation === undefined && this.#isRevoked(responder)) {
        throw new ResponderRevoked(RESPONDER_REVOKED, signer)
      }
    }
    return answer
  }

  /** Logs once that a certificate is revoked, and once that it no longer is. */
  #logChange(certificate: WatchedCertificate): void {
    const { subject } = certificate.issued
    const revocation = certificate.revocation(new Date())
    const isLogged = this.#logged.has(certificate)
    if (revocation !== undefined && !isLogged) {
      this.#logged.add(certificate)
      const at = revocation.at.toISOString()
      this.#log.error(`The certificate of ${subject} was revoked at ${at}: ${revocation.reason}`)
    } else if (revocation === undefined && isLogged) {
      this.#logged.delete(certificate)
      this.#log.info(`The certificate of ${subject} is no longer revoked`)
    }
  }

  #sources(): Pick<CachedFetch<never>, 'stop' | 'renew' | 'problem'>[] {
    const responders = [...this.#certificates.values()].flatMap(({ ocsp }) => ocsp ?? [])
    return [...responders, ...[...this.#crlCaches.values()].flatMap(({ sources }) => sources)]
  }
}

/** Returns each certificate once. Files of many signers may hold the same one. */
function unique(certificates: readonly X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((one) => [one.fingerprint256, one])).values()]
}

/** Returns whether a certificate may be that of an authority for CRLs, whose key need not be the one for certificates. */
function maySignCrls(certificate: X509Certificate): boolean {
  try {
    return certificate.ca || readCertificateExtensions(certificate).keyUsage?.includes('cRLSign') === true
  } catch {
    return false
  }
}
