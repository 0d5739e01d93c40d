/** Tells from the attributes of a private key whether there may be copies outside the token (PKCS#11 2.40 4.9). */
import type { ConfigurationProblem } from '../errors.ts'
import { nameKey } from './key-name.ts'
import type { FoundKey, KeyProtection } from './messages.ts'

interface Demand {
  readonly attribute: string
  readonly wanted: boolean
  /** The fault of a key with the other value, in words. */
  readonly otherwise: string
  /** Demands whose failure implies that of this one, which need not be told as well then. */
  readonly impliedBy?: readonly (keyof KeyProtection)[]
}

const DEMANDS: Readonly<Record<keyof KeyProtection, Demand>> = {
  sensitive: { attribute: 'CKA_SENSITIVE', wanted: true, otherwise: 'is not sensitive' },
  extractable: { attribute: 'CKA_EXTRACTABLE', wanted: false, otherwise: 'can be extracted' },
  local: { attribute: 'CKA_LOCAL', wanted: true, otherwise: 'was not generated on the token' },
  alwaysSensitive: {
    ...{ attribute: 'CKA_ALWAYS_SENSITIVE', wanted: true, otherwise: 'was not always sensitive' },
    impliedBy: ['sensitive', 'local'],
  },
  neverExtractable: {
    ...{ attribute: 'CKA_NEVER_EXTRACTABLE', wanted: true, otherwise: 'could be extracted once' },
    impliedBy: ['extractable', 'local'],
  },
}
const PROPERTIES = Object.keys(DEMANDS) as (keyof KeyProtection)[]

/** Returns what makes copies of the key possible, each in a few words after "the private key"; nothing where all is well. */
export function findExposures(protection: KeyProtection): string[] {
  const failed = PROPERTIES.filter((property) => protection[property] === !DEMANDS[property].wanted)
  return failed
    .map((property) => DEMANDS[property])
    .filter(({ impliedBy = [] }) => !impliedBy.some((property) => failed.includes(property)))
    .map(({ otherwise, attribute, wanted }) => `${otherwise} (${attribute} is ${!wanted})`)
}

/** Returns the names of the attributes that the token does not show. */
export function findUnshown(protection: KeyProtection): string[] {
  return PROPERTIES.filter((property) => protection[property] === null).map(
    (property) => DEMANDS[property].attribute,
  )
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
