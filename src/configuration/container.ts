/** Builds and checks the configuration of one signer's containers. */
import { SignerEntry } from '../../schemas/signers-file.ts'
import type { SignerStatements } from '../cms/signed-attributes.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ContainerConfiguration, Level, TimestampConfiguration } from './container-configuration.ts'
import { problemWith } from './problem.ts'
import { describeExpected } from './signers-file-schema.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** Settings of containers from variables, which those of a signer may replace. */
export interface ContainerDefaults {
  readonly level: Level
  readonly sizeLimit: number
  readonly rsaSignatureIdentifier: ContainerConfiguration['rsaSignatureIdentifier']
  /** Absent if none are named, empty if all that are named are wrong. */
  readonly authorities?: readonly TimestampAuthority[]
  /** True if TSA_CA_FILE is set, even if it is wrong. */
  readonly hasCaFile: boolean
  readonly timestampFallback: TimestampConfiguration['fallback']
  readonly revocationFallback: ContainerConfiguration['revocationFallback']
  readonly revocationCheck: boolean
}

export type ContainerSettings = ContainerDefaults & SignerStatements

/** Settings that an entry of the signers file has itself, with their places in the file. */
export interface OwnSettings {
  /** Place of the level; absent if LEVEL decides. */
  readonly level?: string
  readonly timestamps: string
  /** True if the signer has authorities of its own, to which no variable applies. */
  readonly hasAuthorities: boolean
  /** True if each of them has a caFile, even if it is wrong. */
  readonly hasCaFiles: boolean
}

export function buildContainer(settings: ContainerSettings): ContainerConfiguration {
  const { level, sizeLimit, rsaSignatureIdentifier, revocationFallback, ...rest } = settings
  const { authorities = [], timestampFallback: fallback, policy, commitmentType, location } = rest
  const timestamps = { authorities: authorities as TimestampConfiguration['authorities'], fallback }
  return {
    ...{ level, sizeLimit, rsaSignatureIdentifier, revocationFallback },
    ...(level === 'b-b' ? {} : { timestamps }),
    ...defined({ policy, commitmentType, location }),
  }
}

/**
 * Warns if timestamps are accepted from anybody with a certificate for timestamps, because there are no trust anchors.
 *
 * @param own undefined if all settings are variables
 */
export function warnAboutLevel({ level, authorities = [] }: ContainerDefaults, own?: OwnSettings): string[] {
  if (level !== 'b-t' || authorities.every(({ trustAnchors }) => trustAnchors.length > 0)) {
    return []
  }
  const what = own?.hasAuthorities ? `${own.timestamps}: has no caFile` : 'TSA_CA_FILE: is not set'
  return [`${what}: whoever answers at the authority's address is believed; name its root certificate`]
}

/**
 * Finds settings that a level needs and that are missing.
 *
 * @param own undefined if all settings are variables
 */
export function findLevelProblems(
  { level, authorities, hasCaFile, revocationCheck }: ContainerDefaults,
  own?: OwnSettings,
): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  if (level !== 'b-b' && authorities === undefined) {
    problems.push(describeMissingAuthority(level, hasCaFile, own))
  }
  if (level === 'b-lt') {
    const wrong =
      'is required for level b-lt: without trust anchors nobody could tell what is missing of the chain'
    if (own?.hasAuthorities && !own.hasCaFiles) {
      problems.push(problemWith(own.timestamps, `caFile ${wrong}`))
    }
    // This is reported beside a wrong or missing TSA_URL too, so that one start shows both
    const isOfVariables = own?.level === undefined || authorities !== undefined
    if (!own?.hasAuthorities && isOfVariables && !hasCaFile) {
      problems.push(problemWith('TSA_CA_FILE', wrong))
    }
  }
  if (level === 'b-lt' && !revocationCheck) {
    problems.push(
      own?.level === undefined
        ? problemWith('REVOCATION_CHECK', 'is off, but LEVEL=b-lt needs revocation information')
        : problemWith(own.level, 'is b-lt, which needs revocation information, but REVOCATION_CHECK is off'),
    )
  }
  return problems
}

function describeMissingAuthority(
  level: Level,
  hasCaFile: boolean,
  own: OwnSettings | undefined,
): ConfigurationProblem {
  if (own?.level !== undefined) {
    const expected = describeExpected(SignerEntry.properties.timestamps as object)
    const choice = level === 'b-lt' ? ' with caFile, or TSA_URL with TSA_CA_FILE' : ', or TSA_URL'
    return problemWith(own.timestamps, `is required for level ${level}${choice}: ${expected}`)
  }
  const isAdvised = level === 'b-t' && !hasCaFile
  const advice = isAdvised ? ', with TSA_CA_FILE, or whoever answers at its address is believed' : ''
  return problemWith('TSA_URL', `is required for LEVEL=${level}${advice}`)
}
