/** Tells from the attributes of a private key whether there may be copies outside the token (PKCS#11 2.40 4.9). */
import type { ConfigurationProblem } from '../errors.ts'
import { nameKey } from './key-name.ts'
import type { FoundKey, KeyProtection } from './messages.ts'

interface Demand {
  readonly property: keyof KeyProtection
  readonly attribute: string
  readonly wanted: boolean
  /** The fault of a key with the other value, in words. */
  readonly otherwise: string
  /** A demand that implies this one's failure: then this one need not be told as well. */
  readonly impliedBy: readonly (keyof KeyProtection)[]
}

const DEMANDS: readonly Demand[] = [
  {
    ...{ property: 'sensitive', attribute: 'CKA_SENSITIVE', wanted: true, impliedBy: [] },
    otherwise: 'is not sensitive',
  },
  {
    ...{ property: 'extractable', attribute: 'CKA_EXTRACTABLE', wanted: false, impliedBy: [] },
    otherwise: 'can be extracted',
  },
  {
    ...{ property: 'local', attribute: 'CKA_LOCAL', wanted: true, impliedBy: [] },
    otherwise: 'was not generated on the token',
  },
  {
    ...{ property: 'alwaysSensitive', attribute: 'CKA_ALWAYS_SENSITIVE', wanted: true },
    ...{ otherwise: 'was not always sensitive', impliedBy: ['sensitive', 'local'] },
  },
  {
    ...{ property: 'neverExtractable', attribute: 'CKA_NEVER_EXTRACTABLE', wanted: true },
    ...{ otherwise: 'could be extracted once', impliedBy: ['extractable', 'local'] },
  },
]

/** Returns what makes copies of the key possible, each in a few words after "the private key"; nothing where all is well. */
export function findExposures(protection: KeyProtection): string[] {
  const fails = ({ property, wanted }: Demand) => protection[property] === !wanted
  const failed = DEMANDS.filter(fails).map(({ property }) => property)
  return DEMANDS.filter(
    (demand) => fails(demand) && !demand.impliedBy.some((property) => failed.includes(property)),
  ).map(({ otherwise, attribute, wanted }) => `${otherwise} (${attribute} is ${!wanted})`)
}

/** Returns the names of the attributes that the token does not show. */
export function findUnshown(protection: KeyProtection): string[] {
  return DEMANDS.filter(({ property }) => protection[property] === null).map(({ attribute }) => attribute)
}

/** Returns a warning for a key of which there may be copies outside the token; undefined where none can be. */
export function warnAboutExposure(key: FoundKey): string | undefined {
  const exposures = findExposures(key.protection)
  return exposures.length === 0
    ? undefined
    : `the private key with ${nameKey(key)} ${exposures.join(', ')}: there may be copies of it outside the token`
}

/**
 * Returns why REQUIRE_NON_EXTRACTABLE_KEYS forbids a key; undefined where it does not. What the token does not show
 * counts as not fulfilled: the setting demands a proof.
 *
 * @param setting what names the key
 */
export function findForbiddenExposure(key: FoundKey, setting: string): ConfigurationProblem | undefined {
  const unshown = findUnshown(key.protection)
  const reasons = [
    ...findExposures(key.protection),
    ...(unshown.length === 0 ? [] : [`has attributes that the token does not show (${unshown.join(', ')})`]),
  ]
  if (reasons.length === 0) {
    return undefined
  }
  const message =
    `the private key with ${nameKey(key)} ${reasons.join(', ')}, which REQUIRE_NON_EXTRACTABLE_KEYS forbids; ` +
    'choose a key that was generated on the token, as "signing-service keygen" does'
  return { variable: setting, message }
}
