import type { X509Certificate } from 'node:crypto'
import type { RevocationValues } from '../cms/container-template.ts'
import type { RevocationInformation } from './revocation-information.ts'
import type { RevocationService } from './revocation-service.ts'

/** A certificate and its issuers, leaf first. */
export type CertificatePath = readonly X509Certificate[]

/** Revocation data about several paths together. */
export interface RevocationEvidence {
  /** Each response and each CRL once; undefined if there are none. */
  readonly values: RevocationValues | undefined
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
  revocations: Pick<RevocationService, 'information'>,
): RevocationEvidence {
  const at = new Date()
  const all = paths.map((path) => ({ path, information: revocations.information(path, at) }))
  const good = all.filter(({ information }) => isGood(information))
  const others = all.filter(({ information }) => !isGood(information))
  const valuesOf = (name: 'ocspResponses' | 'crls') =>
    removeDuplicates(good.flatMap(({ information }) => information[name]))
  const values = { ocspResponses: valuesOf('ocspResponses'), crls: valuesOf('crls') }
  return {
    values: values.ocspResponses.length + values.crls.length === 0 ? undefined : values,
    covered: good.map(({ path }) => path),
    problems: others.flatMap(({ information }) => describe(information, information.problems)),
    publicProblems: others.flatMap(({ information }) => describe(information, information.publicProblems)),
  }
}

/** Removes equal values: a CRL is fetched once for certificates, and again for each responder that it covers. */
function removeDuplicates(values: readonly Buffer[]): Buffer[] {
  return values.filter((value, index) => values.findIndex((other) => other.equals(value)) === index)
}

function isGood({ complete, revoked }: RevocationInformation): boolean {
  return complete && revoked === undefined
}

function describe({ revoked }: RevocationInformation, problems: readonly string[]): readonly string[] {
  return revoked === undefined ? problems : [`${revoked.subject}: it was revoked (${revoked.reason})`]
}
