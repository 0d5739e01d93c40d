import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../../asn1/der-reader.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import { sameGeneralName } from '../../x509/general-names.ts'

/** The certificates of its issuer that a CRL covers, as issuingDistributionPoint says (RFC 5280 5.2.5). */
export interface CrlScope {
  /** DER GeneralNames. A certificate must have one of them among its own distribution points, unless undefined. */
  readonly distributionPoints: readonly Buffer[] | undefined
  /** `ca` covers certificates of authorities only, `user` the others only. */
  readonly only: 'ca' | 'user' | undefined
  /** Says why certificates that it does not list may have been revoked; undefined if it lists all. */
  readonly partial?: string
}

/** The fields of issuingDistributionPoint, all tagged implicitly. */
const FIELD = {
  distributionPoint: contextTag(0),
  onlyContainsUserCerts: contextTag(1, 'primitive'),
  onlyContainsCaCerts: contextTag(2, 'primitive'),
  onlySomeReasons: contextTag(3, 'primitive'),
  indirectCrl: contextTag(4, 'primitive'),
} as const

/**
 * Reads the issuingDistributionPoint extension.
 *
 * @param value DER of the extension; undefined if the CRL has none, and so covers all certificates
 * @throws Error when it is malformed, or covers attribute certificates
 */
export function readCrlScope(value: Buffer | undefined): CrlScope {
  if (value === undefined) {
    return { distributionPoints: undefined, only: undefined }
  }
  const scope = new DerReader(value).enter(TAG.sequence)
  const name = scope.enterOptional(FIELD.distributionPoint)
  const distributionPoints = name && (name.enterOptional(contextTag(0))?.elements() ?? [])
  const user = readFlag(scope, FIELD.onlyContainsUserCerts)
  const ca = readFlag(scope, FIELD.onlyContainsCaCerts)
  const someReasons = scope.tag === FIELD.onlySomeReasons && scope.element().length > 0
  const indirect = readFlag(scope, FIELD.indirectCrl)
  if (scope.tag !== undefined || (user && ca)) {
    throw new Error('it is about no certificates, or about attribute certificates alone')
  }
  return {
    distributionPoints,
    only: ca ? 'ca' : user ? 'user' : undefined,
    ...(someReasons && { partial: 'it lists certificates that were revoked for some reasons only' }),
    ...(indirect && { partial: 'it is an indirect CRL, which is not supported' }),
  }
}

function readFlag(scope: DerReader, tag: number): boolean {
  return scope.tag === tag && scope.content(tag)[0] !== 0
}

/** Finds why a CRL does not cover a certificate, in words (RFC 5280 6.3.3 (b)). */
export function findScopeProblem(
  { distributionPoints, only }: CrlScope,
  { ca }: Pick<X509Certificate, 'ca'>,
  ownDistributionPoints: readonly Buffer[],
): string | undefined {
  if (only !== undefined && ca !== (only === 'ca')) {
    return 'it is about other kinds of certificates'
  }
  const shared = distributionPoints?.some((name) =>
    ownDistributionPoints.some((own) => sameGeneralName(own, name)),
  )
  return shared === false ? 'it is the one of another distribution point' : undefined
}
