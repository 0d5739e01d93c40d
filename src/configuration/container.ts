/** What is said of containers, wherever it stands, put together for one signer. */
import { SignerEntry } from '../../schemas/signers-file.ts'
import type { SignerStatements } from '../cms/cades-attributes.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ContainerConfiguration, Level, TimestampConfiguration } from './container-configuration.ts'
import { problemWith } from './problem.ts'
import { describeExpected } from './signers-file-schema.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** What the variables say, and a signer may say otherwise. */
export interface ContainerDefaults {
  readonly level: Level
  readonly sizeLimit: number
  readonly rsaSignatureIdentifier: ContainerConfiguration['rsaSignatureIdentifier']
  /** Undefined where nobody is named, empty where those who are named are wrong. */
  readonly authorities?: readonly TimestampAuthority[]
  /** Whether TSA_CA_FILE is set, whatever is wrong with it. */
  readonly hasCaFile: boolean
  readonly timestampFallback: TimestampConfiguration['fallback']
  readonly revocationFallback: ContainerConfiguration['revocationFallback']
  readonly revocationCheck: boolean
}

export type ContainerSettings = ContainerDefaults & SignerStatements

/** What a signer says itself: places in the signers file. */
export interface OwnSettings {
  /** Of its level; undefined where LEVEL says that. */
  readonly level?: string
  readonly timestamps: string
  /** Whether its authorities are its own, of which no variable says anything. */
  readonly hasAuthorities: boolean
  /** Whether each of its own authorities has a caFile, whatever is wrong with it. */
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
 * Warns where timestamps are taken from anybody whose certificate is for timestamps: without trust anchors their chain
 * proves nothing.
 *
 * @param own undefined where variables say all
 */
export function warnAboutLevel({ level, authorities = [] }: ContainerDefaults, own?: OwnSettings): string[] {
  if (level !== 'b-t' || authorities.every(({ trustAnchors }) => trustAnchors.length > 0)) {
    return []
  }
  const what = own?.hasAuthorities ? `${own.timestamps}: has no caFile` : 'TSA_CA_FILE: is not set'
  return [`${what}: whoever answers at the authority's address is believed; name its root certificate`]
}

/**
 * What a level lacks.
 *
 * @param own undefined where variables say all
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
    // Told beside a TSA_URL that is wrong or missing, too: else it would take another start to learn of it
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
